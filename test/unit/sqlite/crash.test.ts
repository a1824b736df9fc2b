import { chmod } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { jobStatuses } from "../../../src/jobs/store/job-row.ts";
import { answered, errorOf, linesOf, PROCESS } from "../../support/job-store/written-lines.ts";
import { Fixture } from "./fixture.ts";

/** Expects a sound file in which each job is at least as far as its last answer says, and everything agrees. */
async function expectWhole(fixture: Fixture, states: ReadonlyMap<string, string>): Promise<void> {
  const database = new DatabaseSync(fixture.path);
  expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  const wrong = database.prepare(`
    SELECT f.facet, f.count, count(j.job) AS jobs FROM queueport_facets f
    LEFT JOIN queueport_jobs j ON j.facet = f.facet GROUP BY f.facet HAVING f.count <> count(j.job)
  `);
  expect(wrong.all()).toEqual([]);
  const orphans = database.prepare(
    "SELECT job FROM queueport_terms WHERE job NOT IN (SELECT job FROM queueport_jobs)",
  );
  expect(orphans.all()).toEqual([]);
  database.close();
  const store = await fixture.open();
  const ids = [...states.keys()];
  const found = await store.get("ns", ids, ["message", "result"]);
  const lost = ids.filter((id, index) => {
    const job = found[index];
    if (job === undefined || job.message === undefined) return true;
    const isBack = jobStatuses.indexOf(job.row.status) < jobStatuses.indexOf(states.get(id) as never);
    return isBack || (job.row.status === "completed" && job.result !== id);
  });
  expect(lost).toEqual([]);
  await store.close();
}

describe("a job store in SQLite", () => {
  test("has every change that was answered after its processes were killed at random times", async () => {
    await using fixture = await Fixture.create();
    await (await fixture.open()).close();
    const states = new Map<string, string>();
    for (let round = 0; round < 3; round += 1) {
      const all = await Promise.all(
        ["a", "b"].map((name, index) => {
          let left = 40 + 90 * round + 37 * index;
          return linesOf([process.execPath, PROCESS, fixture.path, `${name}${round}`], (_, kill) => {
            left -= 1;
            if (left === 0) kill();
          });
        }),
      );
      for (const lines of all) for (const [id, status] of answered(lines)) states.set(id, status);
    }

    expect(states.size).toBeGreaterThan(50);
    await expectWhole(fixture, states);
  }, 120_000);

  test.skipIf(process.platform === "win32")(
    "reports a full disk, and has every change that was answered before",
    async () => {
      await using fixture = await Fixture.create();
      await (await fixture.open()).close();
      // A limit for the size of each file of the process, in KiB.
      const lines = await linesOf([
        "bash",
        "-c",
        'ulimit -f 1500; exec "$@"',
        "bash",
        process.execPath,
        PROCESS,
        fixture.path,
        "a",
      ]);

      expect(errorOf(lines)).toMatchObject({
        code: "store_unavailable",
        retryable: true,
        message: expect.stringMatching(/disk is full|disk I\/O error/),
      });
      await expectWhole(fixture, answered(lines));
    },
    120_000,
  );

  test.skipIf(process.platform === "win32")(
    "refuses a file that the process may not write",
    async () => {
      await using fixture = await Fixture.create();
      await (await fixture.open()).close();
      await chmod(fixture.directory, 0o755);
      await chmod(fixture.path, 0o444);
      const user = process.getuid?.() === 0 ? ["65534"] : [];
      const lines = await linesOf([process.execPath, PROCESS, fixture.path, "a", ...user]);

      expect(errorOf(lines)).toMatchObject({
        code: "config",
        message: expect.stringContaining("could not be opened"),
      });
    },
    60_000,
  );
});
