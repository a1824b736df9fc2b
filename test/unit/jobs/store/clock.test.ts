import { describe, expect, test } from "vitest";
import { LEASE_MS, Record, running } from "./record.ts";

const HOUR_MS = 3_600_000;

describe("after the clock was set back by an hour", () => {
  test("a job whose worker was killed before that does not wait for the old time", () => {
    const record = running().wait(-HOUR_MS);
    expect(record.claim("b")).toMatchObject({ do: "run", attempt: 2 });
    expect(record.row?.hold?.until).toBe(record.now + LEASE_MS);
  });

  test("a run that goes on holds its job by the new time from its next report on", () => {
    const record = running().wait(-HOUR_MS);
    expect(record.touch("a", 1, { leaseMs: LEASE_MS })).toMatchObject({ ok: true });
    expect(record.claim("b")).toMatchObject({ do: "later", inMs: LEASE_MS, why: "busy" });
    record.wait(LEASE_MS + 1);
    expect(record.claim("b")).toMatchObject({ do: "run" });
  });

  test("a retry does not wait for the old time", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 10_000 });
    expect(record.wait(-HOUR_MS).claim("b")).toMatchObject({ do: "run", attempt: 2 });
  });

  test("a job whose message was being sent when its process died is sent by another", () => {
    const record = new Record();
    record.birth();
    expect(record.take()).toBeUndefined();
    record.wait(-HOUR_MS);
    expect(record.take()?.dispatch).toMatchObject({ takenUntil: record.now + 35_000 });
    expect(record.take()).toBeUndefined();
  });

  test("a dispatch that was put off does not wait for the old time", () => {
    const record = new Record();
    record.birth();
    record.undispatched(60_000);
    record.wait(-HOUR_MS);
    expect(record.take()?.dispatch).toEqual({
      dueAt: record.now,
      takenUntil: record.now + 35_000,
      failures: 1,
    });
  });

  test("a delayed job waits for the time that was asked for", () => {
    const record = new Record();
    record.birth({ dueInMs: HOUR_MS });
    record.wait(-HOUR_MS);
    expect(record.take()).toBeUndefined();
    record.wait(2 * HOUR_MS);
    expect(record.take()).toBeDefined();
  });

  test("a job whose worker was killed is cancelled at once", () => {
    const record = running().wait(-HOUR_MS);
    expect(record.cancel()).toMatchObject({ ok: true, row: { status: "cancelled" } });
  });
});

test("clocks that differ by a minute let no second run begin", () => {
  const record = running().wait(-60_000);
  expect(record.claim("b")).toMatchObject({ do: "later", why: "busy" });
});
