import { describe, expect, test } from "vitest";
import { completed, failed, LEASE_MS, Record, running, START } from "./record.ts";

describe("a cancellation", () => {
  test.each([
    ["queued", (record: Record) => record.insert()],
    ["scheduled", (record: Record) => record.birth({ dueInMs: 60_000 })],
    ["in the outbox", (record: Record) => record.birth()],
    [
      "retrying",
      (record: Record) => {
        record.claim("a");
        record.end("a", "retrying", { inMs: 60_000 });
      },
    ],
  ] as const)("ends a job at once that is %s", (_state, prepare) => {
    const record = new Record();
    prepare(record);
    expect(record.wait(1_000).cancel("user left")).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({
      status: "cancelled",
      finishedAt: record.now,
      cancelReason: "user left",
      dispatch: undefined,
      nextAt: undefined,
    });
    expect(record.claim("b")).toEqual({ do: "cancelled", generation: 0 });
  });

  test("asks a run to end, once", () => {
    const record = running();
    expect(record.cancel("first")).toMatchObject({ ok: true, cancelRequested: true });
    const { row } = record;
    expect(record.wait(1_000).cancel("second")).toMatchObject({ ok: true, cancelRequested: true });
    expect(record.row).toBe(row);
    expect(row).toMatchObject({ status: "processing", cancelRequestedAt: START, cancelReason: "first" });
  });

  test("ends a job at once whose run has lapsed, since nobody can be asked", () => {
    const record = running();
    expect(record.wait(LEASE_MS).cancel()).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({ status: "cancelled", hold: undefined });
  });

  test("changes nothing of a finished job, and is repeated without effect", () => {
    for (const [record, ok] of [
      [completed(), false],
      [failed(), false],
    ] as const) {
      const { row } = record;
      expect(record.cancel()).toMatchObject({ ok });
      expect(record.row).toBe(row);
    }
    const record = new Record();
    record.insert();
    record.cancel();
    const { row } = record;
    expect(record.cancel()).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("is found by the claim of a message that was never recorded", () => {
    const record = new Record();
    expect(record.cancel("never mind")).toMatchObject({ ok: true });
    expect(record.claim("a")).toEqual({ do: "cancelled", generation: 0 });
    expect(record.claim("a")).toEqual({ do: "cancelled", generation: 0 });
    expect(record.row?.cancelReason).toBe("never mind");
  });

  test("does not undo a run while the store was down, if the job was never recorded", () => {
    const returned = new Record();
    returned.cancel();
    expect(returned.end("a", "completed", { isUntracked: true, attempt: 1 })).toMatchObject({
      verdict: "recorded",
      status: "completed",
    });
    const threw = new Record();
    threw.cancel();
    expect(threw.end("a", "retrying", { isUntracked: true, attempt: 1 })).toMatchObject({
      verdict: "overruled",
      status: "cancelled",
    });
  });

  test("is refused for an unknown job if only known ones are meant", () => {
    const record = new Record();
    expect(record.cancel("", true)).toMatchObject({ ok: false });
    expect(record.row).toBeUndefined();
  });

  test("between the taking of a dispatch and its sending is found by the claim", () => {
    const record = new Record();
    record.birth();
    record.cancel();
    record.dispatched(0);
    expect(record.row?.status).toBe("cancelled");
    expect(record.claim("a")).toEqual({ do: "cancelled", generation: 0 });
  });
});
