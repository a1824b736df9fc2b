import { describe, expect, test } from "vitest";
import { LEASE_MS, running } from "./record.ts";

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

  test("a job whose worker was killed is cancelled at once", () => {
    const record = running().wait(-HOUR_MS);
    expect(record.cancel()).toMatchObject({ ok: true, row: { status: "cancelled" } });
  });
});

test("clocks that differ by a minute let no second run begin", () => {
  const record = running().wait(-60_000);
  expect(record.claim("b")).toMatchObject({ do: "later", why: "busy" });
});
