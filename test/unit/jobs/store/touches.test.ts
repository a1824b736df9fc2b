import { describe, expect, test } from "vitest";
import { LEASE_MS, running, START } from "./record.ts";

describe("a report of a run", () => {
  test("extends its hold, without a new version of the record", () => {
    const record = running();
    const { version } = record.row ?? {};
    record.wait(10_000).touch("a", 1, { leaseMs: LEASE_MS });
    expect(record.row).toMatchObject({ version, hold: { until: record.now + LEASE_MS, seq: 1 } });
  });

  test("lets its hold end once its lease is lost", () => {
    const record = running();
    record.wait(10_000).touch("a", 1, { progress: 50 });
    expect(record.row?.hold?.until).toBe(START + LEASE_MS);
  });

  test("has no effect if a later one came first", () => {
    const record = running();
    record.touch("a", 2, { saved: { value: 2 }, progress: 20 });
    const { row } = record;
    expect(record.touch("a", 1, { saved: { value: 1 }, progress: 10 }).ok).toBe(true);
    expect(record.row).toBe(row);
  });

  test("does not hold a job again that has ended", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 0 });
    const { row } = record;
    expect(record.touch("a", 1, { leaseMs: LEASE_MS })).toMatchObject({ ok: false, isFenced: true });
    expect(record.row).toBe(row);
  });

  test("is fenced once another run holds the job", () => {
    const record = running();
    record.wait(LEASE_MS).claim("b");
    expect(record.touch("a", 1, { progress: 99 })).toMatchObject({ ok: false, isFenced: true });
    expect(record.row?.progress).toBeUndefined();
  });

  test("brings a request to end back", () => {
    const record = running();
    record.cancel();
    expect(record.touch("a", 1)).toMatchObject({ ok: true, cancelRequested: true });
    expect(record.touch("a", 1)).toMatchObject({ ok: true, cancelRequested: true });
  });
});
