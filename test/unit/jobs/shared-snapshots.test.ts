import { expect, test } from "vitest";
import { SharedSnapshots } from "../../../src/jobs/events/shared-snapshots.ts";
import type { JobRow } from "../../../src/jobs/store/job-row.ts";
import { LEASE_MS, Record, START } from "./store/record.ts";

function rowOf({ row }: Record): JobRow {
  if (row === undefined) throw new Error("there is no row");
  return { ...row };
}

test("readers of one change get the same snapshot, which none of them can change", () => {
  const record = new Record();
  record.insert();
  const shared = new SharedSnapshots();
  const one = shared.of(rowOf(record), START);
  expect(shared.of(rowOf(record), START + 5)).toBe(one);
  expect(() => Object.assign(one, { status: "completed" })).toThrow("read only");
});

test("a change of the job, and its hold that lapses, are seen", () => {
  const record = new Record();
  record.insert();
  const shared = new SharedSnapshots();
  expect(shared.of(rowOf(record), START).status).toBe("queued");
  record.claim("run-1");
  expect(shared.of(rowOf(record), START).status).toBe("processing");
  expect(shared.of(rowOf(record), START).isStalled).toBeUndefined();
  expect(shared.of(rowOf(record), START + 100 * LEASE_MS).isStalled).toBe(true);
});

test("a job that was deleted and sent again with its id is another one", () => {
  const record = new Record();
  record.insert();
  const shared = new SharedSnapshots();
  const before = shared.of(rowOf(record), START);
  record.prune();
  record.wait(1).insert({ type: "other", createdAt: START + 1 });
  const after = shared.of(rowOf(record), START + 1);
  expect([before.version, after.version]).toEqual([1, 1]);
  expect([before.type, after.type]).toEqual(["email", "other"]);
});
