import { expect, test } from "vitest";
import { migrateFile } from "../../../adapters/sqlite/job-store/connection.ts";
import { listJobs } from "../../../adapters/sqlite/job-store/lists.ts";
import { changedSince, countsOf, minutesOf } from "../../../adapters/sqlite/job-store/reports.ts";
import { Session } from "../../../adapters/sqlite/job-store/session.ts";
import { beat, leave, liveWorkers } from "../../../adapters/sqlite/job-store/workers.ts";
import type { StoredJobFilter } from "../../../src/jobs/store/index.ts";
import { claim, end, Fixture, insert } from "./fixture.ts";

const FILTERS: readonly StoredJobFilter[] = [
  {},
  { status: ["completed", "failed"], type: ["email"], queue: ["emails"], priority: ["normal"] },
  { createdFrom: 1, createdBefore: 9e15 },
  { tenant: "acme" },
  { tag: "import", tenant: "acme" },
  { tag: "import", status: ["failed"] },
  { workerId: "worker-1", error: "timeout" },
  { isStalled: true },
  { search: "ada" },
  { search: "ada", tenant: "acme", isStalled: true, createdFrom: 1 },
];

const POLICY = { completedMs: 1, failedMs: 1, cancelledMs: 1, dataMs: 1, maxFinished: 1 };

/** A step of a plan that reads a whole table or sorts it. The list of a filter's facets is an array, and no table. */
const isScan = (step: string): boolean =>
  /^(SCAN (?!json_each|CONSTANT|\(subquery|t$)|USE TEMP B-TREE)/.test(step);

test("no statement reads a whole table, or sorts it", async () => {
  await using fixture = await Fixture.create();
  const { file } = await migrateFile(fixture.path);
  const { statements, jobs, writer, outbox, retention } = new Session(file, fixture.clock);
  const now = fixture.clock.now();
  const ns = 1;
  writer.begun();
  for (const id of ["a", "b", "c"]) {
    const job = { createdAt: now, tenant: "acme", tags: ["import"] };
    for (const change of [
      insert(id, job),
      claim(id, "t", job),
      end(id, "t", {
        error: { message: "no", code: "timeout" },
        logs: [{ at: 1, level: "info", message: "x" }],
      }),
    ])
      writer.apply(ns, change, now);
  }
  writer.apply(ns, claim("d", "t"), now);
  writer.ending();
  writer.ended();
  for (const filter of FILTERS) {
    for (const order of ["newest", "oldest"] as const) {
      for (const after of [undefined, { createdAt: now, id: "b" }]) {
        const page = { limit: 2, order, after, offset: 1 };
        await listJobs(statements, jobs, ns, filter, page, now, () => Promise.resolve());
      }
    }
  }
  countsOf(jobs, ns);
  minutesOf(statements, jobs, ns, 0, now);
  changedSince(statements, jobs, ns, "1", 1, writer.lastSeq());
  outbox.take(ns, { limit: 1, takenMs: 1 }, now);
  outbox.nextAt(ns, ["emails"]);
  liveWorkers(statements, ns, now);
  beat(statements, ns, { id: "w" } as never, now);
  leave(statements, ns, "w");
  const later = now + 10 * 86_400_000;
  retention.prunable(ns, POLICY, 1, later);
  for (const ids of [["a"], undefined]) retention.prune(ns, POLICY, 1, ids, later)(Infinity);

  const explained = statements.texts
    .filter((text) => !text.startsWith("PRAGMA"))
    .map((text) => {
      const steps = file.database.prepare(`EXPLAIN QUERY PLAN ${text}`).all();
      return { text, steps: steps.map(({ detail }) => String(detail)) };
    });
  expect(explained.length).toBeGreaterThan(50);
  expect(explained.filter(({ steps }) => steps.some(isScan))).toEqual([]);
  file.close();
});
