import { describe, expect, test } from "vitest";
import { completed, failed, LEASE_MS, Record, running } from "./record.ts";

describe("a redrive", () => {
  test("runs a failed job as its next generation, with all of its attempts", () => {
    const record = failed();
    record.buried();
    expect(record.claim("b", { redrive: 1 })).toMatchObject({ do: "run", generation: 1, attempt: 1 });
    expect(record.row).toMatchObject({
      generation: 1,
      isBuried: false,
      deadLetterReason: undefined,
      finishedAt: undefined,
    });
  });

  test("by another tool runs a job with all of its attempts, whatever its message says about those before", () => {
    const record = failed();
    record.buried();
    const letter = { wasDeadLetter: true, attemptsOfCopy: 4 };
    expect(record.claim("b", letter)).toMatchObject({ do: "run", generation: 1, attempt: 1 });
    record.end("b", "retrying", { generation: 1 });
    record.wait(60_000);
    expect(record.claim("c", letter)).toMatchObject({ do: "run", generation: 1, attempt: 2 });
  });

  test("runs one of two copies", () => {
    const record = failed();
    record.claim("b", { redrive: 1 });
    expect(record.claim("c", { redrive: 1 })).toMatchObject({ do: "later", why: "busy" });
    record.end("b", "completed");
    expect(record.claim("c", { redrive: 1 })).toEqual({ do: "done", generation: 1 });
  });

  test("does not run a job again that another copy has completed meanwhile", () => {
    expect(completed().claim("b", { redrive: 3 })).toEqual({ do: "done", generation: 0 });
  });

  test("does not run a job that was cancelled", () => {
    const record = new Record();
    record.insert();
    record.cancel();
    expect(record.claim("b", { redrive: 1 })).toEqual({ do: "cancelled", generation: 0 });
  });

  test("waits for the run of an earlier copy", () => {
    expect(running().claim("b", { redrive: 1 })).toMatchObject({ do: "later", why: "busy" });
  });

  test("that a job itself has asked for carries the generation of the record, and runs", () => {
    const record = failed();
    record.reopen("retry-1");
    expect(record.claim("b", { redrive: 1 })).toMatchObject({ do: "run", generation: 1 });
  });

  test("is never acknowledged unseen, if its dead letter is older than a retry from the record", () => {
    const record = failed();
    record.reopen("retry-1");
    record.claim("b", { redrive: 1 });
    record.end("b", "failed");
    expect(record.claim("c", { redrive: 1 })).toMatchObject({ do: "failed", isBuried: false });
    record.reopen("retry-2");
    expect(record.claim("d", { redrive: 1 })).toMatchObject({ do: "run", generation: 2 });
  });

  test("runs a retried job whose last run was that of its first message", () => {
    const record = new Record();
    record.birth();
    record.cancel();
    record.reopen("retry-1");
    // The first message was in the queue all the time, and has come before that of the retry.
    expect(record.claim("a")).toMatchObject({ do: "run", generation: 1 });
    record.end("a", "failed");
    record.buried();
    expect(record.claim("b")).toMatchObject({ do: "failed", isBuried: true });
    expect(record.claim("c", { redrive: 1 })).toMatchObject({ do: "run", generation: 2 });
  });

  test("runs a job that another tool had moved back before, without counting that", () => {
    const record = failed();
    record.buried();
    record.claim("b", { wasDeadLetter: true });
    record.end("b", "failed");
    record.buried();
    expect(record.claim("c", { redrive: 1 })).toMatchObject({ do: "run", generation: 2 });
  });

  test("runs the failed job, also if its payload was edited and states no time of creation", () => {
    const record = failed();
    expect(record.claim("b", { redrive: 1, message: { stamp: "hash of the edited payload" } })).toMatchObject(
      { do: "run", generation: 1 },
    );
  });
});

describe("a dead letter that another tool has moved back as it was", () => {
  test("runs the failed job as its next generation", () => {
    const record = failed();
    record.buried();
    expect(record.claim("b", { wasDeadLetter: true })).toMatchObject({ do: "run", generation: 1 });
  });

  test("does so each time that it is moved back", () => {
    const record = failed();
    for (let generation = 1; generation <= 3; generation += 1) {
      expect(record.claim(`b${generation}`, { wasDeadLetter: true })).toMatchObject({
        do: "run",
        generation,
      });
      record.end(`b${generation}`, "failed");
      record.buried();
    }
  });

  test("goes on in its generation after its worker was killed, and after a failed run", () => {
    const record = failed();
    record.claim("b", { wasDeadLetter: true });
    expect(record.wait(LEASE_MS).claim("c", { wasDeadLetter: true })).toMatchObject({
      generation: 1,
      attempt: 2,
    });
    record.end("c", "retrying", { inMs: 0 });
    expect(record.claim("d", { wasDeadLetter: true })).toMatchObject({ generation: 1, attempt: 3 });
  });

  test("is acknowledged if its job is completed", () => {
    expect(completed().claim("b", { wasDeadLetter: true })).toEqual({ do: "done", generation: 0 });
  });
});

describe("the burial of a dead letter", () => {
  test("is noted once, for its own generation", () => {
    const record = failed();
    expect(record.buried(1)).toMatchObject({ ok: false });
    expect(record.buried(0)).toMatchObject({ ok: true });
    const { row } = record;
    expect(record.buried(0)).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });
});

describe("an assumption about a job whose message is gone", () => {
  test("closes a job whose run has lapsed, and gives a lost one no reason of a dead letter", () => {
    const record = running();
    expect(record.wait(LEASE_MS).assume("lost")).toMatchObject({ ok: true });
    expect(record.row).toMatchObject({ status: "lost", deadLetterReason: undefined, hold: undefined });
  });

  test("is refused while a run holds the job, and if the record has changed since", () => {
    expect(running().assume("lost")).toMatchObject({ ok: false });
    const record = running();
    const { version = 0 } = record.row ?? {};
    record.wait(LEASE_MS).claim("b");
    expect(record.wait(LEASE_MS).assume("lost", version)).toMatchObject({ ok: false });
  });

  test("is refused for a job whose message was not sent yet", () => {
    const record = new Record();
    record.birth({ dueInMs: 1_000 });
    expect(record.assume("lost")).toMatchObject({ ok: false });
  });

  test("that is repeated is answered as before, and changes nothing", () => {
    const record = running().wait(LEASE_MS);
    const { version = 0 } = record.row ?? {};
    record.assume("failed", version);
    const { row } = record;
    expect(record.assume("failed", version)).toMatchObject({ ok: true });
    expect(record.row).toBe(row);
  });

  test("sets no finished job back, except for a lost one", () => {
    expect(completed().assume("failed")).toMatchObject({ ok: false });
    const record = running();
    record.wait(LEASE_MS).assume("lost");
    expect(record.assume("completed")).toMatchObject({ ok: true });
  });
});
