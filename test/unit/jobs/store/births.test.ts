import { describe, expect, test } from "vitest";
import { completed, facts, failed, LEASE_MS, Record, running, START } from "./record.ts";

describe("an insert", () => {
  test("never sets a job back", () => {
    for (const record of [running(), completed(), failed()]) {
      const { status } = record.row ?? {};
      expect(record.insert({ tags: ["late"], tenant: "acme" })).toMatchObject({ ok: true });
      expect(record.row).toMatchObject({ status, tags: ["late"], tenant: "acme" });
    }
  });

  test("changes nothing if it is repeated", () => {
    for (const tags of [undefined, [], ["one"]]) {
      const record = running();
      record.insert({ tags });
      const { row } = record;
      expect(record.insert({ tags: tags === undefined ? undefined : [...tags] })).toMatchObject({ ok: true });
      expect(record.row).toBe(row);
    }
  });

  test("creates no job that may have run and been pruned since", () => {
    const record = new Record().wait(1_800_001);
    expect(record.insert()).toMatchObject({ ok: false, row: undefined });
    expect(record.row).toBeUndefined();
  });

  test("fills in the facts of a job that was cancelled in advance, and leaves it cancelled", () => {
    const record = new Record();
    record.cancel("never mind");
    expect(record.insert({ tags: ["one"] })).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({
      status: "cancelled",
      type: "email",
      tags: ["one"],
      cancelReason: "never mind",
    });
  });
});

describe("a birth", () => {
  test("leaves the message to be sent, taken by its sender", () => {
    const record = new Record();
    expect(record.birth()).toMatchObject({ outcome: "created" });
    expect(record.row).toMatchObject({
      status: "queued",
      isStoreBorn: true,
      dispatch: { dueAt: START, takenUntil: START + 35_000 },
    });
    expect(record.take()).toBeUndefined();
  });

  test.each([
    ["its sender says", -6, START + 60_000 - 6],
    ["the store counts, if the clock of its sender is an hour ahead", 3_600_000, START + 60_000],
  ])("is due when %s", (_title, aheadMs, due) => {
    const record = new Record();
    record.birth({ dueInMs: 60_000, job: facts({ scheduledAt: START + 60_000 + aheadMs }) });
    expect(record.row).toMatchObject({ scheduledAt: due, dispatch: { dueAt: START + 60_000 } });
  });

  test("leaves a job to every dispatcher that its sender does not take", () => {
    const record = new Record();
    record.birth({ takenMs: 0 });
    expect(record.row?.dispatch?.takenUntil).toBe(0);
    expect(record.take()).toBeDefined();
  });

  test("schedules a job that is due later, and takes it for nobody", () => {
    const record = new Record();
    record.birth({ dueInMs: 60_000 });
    expect(record.row).toMatchObject({
      status: "scheduled",
      scheduledAt: START + 60_000,
      dispatch: { takenUntil: 0 },
    });
    expect(record.take()).toBeUndefined();
    expect(record.wait(60_000).take()).toBeDefined();
  });

  test("that is repeated is answered as created, and creates nothing", () => {
    const record = new Record();
    record.birth();
    const { row } = record;
    expect(record.birth()).toMatchObject({ outcome: "created" });
    expect(record.row).toBe(row);
  });

  test("finds the job with the same payload, whatever its state", () => {
    const record = new Record();
    record.birth();
    record.claim("a");
    record.end("a", "completed");
    expect(record.birth({ token: "other" })).toMatchObject({
      outcome: "existing",
      row: { status: "completed" },
    });
  });

  test("is a conflict with a job of another payload", () => {
    const record = new Record();
    record.birth();
    const { row } = record;
    expect(record.birth({ token: "other", job: facts({ hash: "hash-2" }) })).toMatchObject({
      outcome: "conflict",
    });
    expect(record.row).toBe(row);
  });

  test("finds a job that was cancelled in advance, and sends nothing", () => {
    const record = new Record();
    record.cancel();
    expect(record.birth()).toMatchObject({
      outcome: "existing",
      row: { status: "cancelled", hash: "hash-1" },
    });
    expect(record.row?.dispatch).toBeUndefined();
    expect(record.birth()).toMatchObject({ outcome: "existing" });
  });
});

describe("the dispatch of a job", () => {
  test("is taken by one process at a time, and by another once that one is gone", () => {
    const record = new Record();
    record.birth();
    expect(record.wait(34_999).take()).toBeUndefined();
    expect(record.wait(1).take()).toBeDefined();
    expect(record.take()).toBeUndefined();
  });

  test("does not set a job back that was claimed before it was confirmed", () => {
    const record = new Record();
    record.birth();
    record.claim("a");
    expect(record.dispatched(0)).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({ status: "processing", dispatches: 1 });
  });

  test("is confirmed once", () => {
    const record = new Record();
    record.birth({ dueInMs: 1_000 });
    record.wait(1_000).take();
    expect(record.dispatched(0)).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({ status: "queued", dispatch: undefined, dispatches: 1 });
    const { row } = record;
    expect(record.dispatched(0)).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("is not confirmed for a new generation by the sender of the one before", () => {
    const record = new Record();
    record.birth();
    record.cancel();
    record.reopen("retry-1");
    record.dispatched(0);
    expect(record.row).toMatchObject({ status: "queued", generation: 1, dispatch: { dueAt: START } });
    record.undispatched(undefined, { ...record.row!, dispatches: 0 });
    expect(record.row?.status).toBe("queued");
  });

  test("has another number for each generation, so that no broker takes the second for a duplicate", () => {
    const record = failed();
    const before = record.row?.dispatches ?? 0;
    record.reopen("retry-1");
    expect(record.row?.dispatches).toBeGreaterThan(before);
  });

  test("that failed is tried again after its backoff, and counts one failure if it is reported twice", () => {
    const record = new Record();
    record.birth();
    const before = record.row;
    record.undispatched(5_000, before);
    expect(record.row?.dispatch).toEqual({ dueAt: START + 5_000, takenUntil: 0, failures: 1 });
    const { row } = record;
    expect(record.undispatched(5_000, before)).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("is not given back by a process from which another has taken it over", () => {
    const record = new Record();
    record.birth();
    const first = record.row;
    record.undispatched(5_000, first);
    const second = record.wait(5_000).take();
    record.undispatched(5_000, first);
    expect(record.row).toBe(second);
  });

  test("that can never succeed fails the job", () => {
    const record = new Record();
    record.birth();
    expect(record.undispatched(undefined)).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({
      status: "failed",
      deadLetterReason: "undispatchable",
      dispatch: undefined,
    });
    expect(record.row?.error).toEqual({ message: "refused by the queue" });
  });

  test("that can never succeed fails no job whose message was received all the same", () => {
    const record = new Record();
    record.birth();
    const before = record.row;
    record.claim("a");
    expect(record.undispatched(undefined, before)).toMatchObject({ ok: false });
    expect(record.row?.status).toBe("processing");
  });
});

describe("a retry from the record", () => {
  test("begins a new generation, whose message is to be sent", () => {
    const record = failed();
    expect(record.wait(1_000).reopen("retry-1")).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({
      status: "queued",
      generation: 1,
      runs: 0,
      isBuried: false,
      error: undefined,
      finishedAt: undefined,
      dispatch: { dueAt: record.now, takenUntil: record.now + 35_000 },
    });
  });

  test("that is repeated has no effect, also after the job has failed again", () => {
    const record = failed();
    record.reopen("retry-1");
    record.claim("b", { redrive: 1 });
    record.end("b", "failed");
    const { row } = record;
    expect(record.reopen("retry-1")).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("is refused while the job is not over, and for a completed or lost one unless it is forced", () => {
    const waiting = new Record();
    waiting.insert();
    const lost = running();
    lost.wait(LEASE_MS).assume("lost");
    for (const record of [waiting, running(), completed(), lost]) {
      expect(record.reopen("retry-1")).toMatchObject({ ok: false });
      expect(record.row?.generation).toBe(0);
    }
    for (const record of [completed(), lost])
      expect(record.reopen("retry-2", { force: true })).toMatchObject({ ok: true });
  });

  test("is refused for a job whose message is not known", () => {
    const record = new Record();
    record.cancel();
    expect(record.reopen("retry-1")).toMatchObject({ ok: false });
  });

  test("runs a message that is sent from the record, also if the first message had no time of creation", () => {
    const record = failed();
    record.reopen("retry-1");
    expect(record.claim("b", { redrive: 1, message: { stamp: "time of creation" } })).toMatchObject({
      do: "run",
      generation: 1,
    });
  });

  test("lets the old message of a cancelled job run it, if that comes first", () => {
    const record = new Record();
    record.birth();
    record.cancel();
    record.reopen("retry-1");
    expect(record.claim("a", { redrive: 0 })).toMatchObject({ do: "run", generation: 1 });
    expect(record.claim("b", { redrive: 1 })).toMatchObject({ do: "later", why: "busy" });
  });
});

describe("a promotion", () => {
  test("makes a scheduled job due, and takes it for its sender", () => {
    const record = new Record();
    record.birth({ dueInMs: 600_000 });
    expect(record.wait(1_000).promote()).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({
      status: "queued",
      dispatch: { dueAt: record.now, takenUntil: record.now + 35_000 },
    });
    expect(record.claim("a")).toMatchObject({ do: "run" });
  });

  test("that is repeated is answered as before, and changes nothing", () => {
    const record = new Record();
    record.birth({ dueInMs: 600_000 });
    record.promote();
    const { row } = record;
    expect(record.promote()).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("is refused for a job that is not scheduled", () => {
    for (const record of [new Record(), running(), completed(), failed()])
      expect(record.promote()).toMatchObject({ ok: false });
  });
});
