import { describe, expect, test } from "vitest";
import { completed, failed, LEASE_MS, Record, running, START } from "./record.ts";

describe("a job that ran while the store could not be reached", () => {
  test("gets its record from its end, if it was never inserted", () => {
    const record = new Record();
    const { answer, data } = record.wait(5_000).apply({
      kind: "end",
      id: "job-1",
      token: "a",
      isUntracked: true,
      seq: 1,
      generation: 0,
      attempt: 1,
      outcome: "completed",
      workerId: "w",
      durationMs: 300,
      seed: () => ({
        type: "email",
        queue: "emails",
        maxAttempts: 5,
        createdAt: START,
        stamp: "s",
        message: { payload: 1 },
      }),
    });
    expect(answer).toEqual({ do: "ended", verdict: "recorded", status: "completed" });
    expect(data?.message).toEqual({ payload: 1 });
    expect(record.row).toMatchObject({
      status: "completed",
      runs: 1,
      workerId: "w",
      startedAt: START + 4_700,
      durationMs: 300,
      version: 1,
    });
  });

  test("is answered as unknown without the facts of the job", () => {
    const record = new Record();
    expect(record.end("a", "completed", { isUntracked: true, seed: undefined })).toEqual({
      do: "ended",
      verdict: "unknown",
    });
    expect(record.row).toBeUndefined();
  });

  test("ends the hold of its own claim, which was applied although its answer was lost", () => {
    const record = running();
    expect(record.end("a", "completed", { isUntracked: true }).verdict).toBe("recorded");
    expect(record.row).toMatchObject({ status: "completed", hold: undefined });
  });

  test("is completed, whoever else holds the job or has failed it", () => {
    const held = running();
    expect(held.end("b", "completed", { isUntracked: true }).verdict).toBe("recorded");
    expect(held.row?.status).toBe("completed");
    expect(held.touch("a", 1)).toMatchObject({ ok: false, isFenced: true });
    const over = failed();
    expect(over.end("b", "completed", { isUntracked: true }).verdict).toBe("recorded");
    expect(over.row).toMatchObject({ status: "completed", deadLetterReason: undefined });
  });

  test("does not set the attempts back, if its claim was granted and it does not know its number", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 0 });
    record.wait(1).claim("b");
    record.end("b", "retrying", { isUntracked: true, attempt: 1 });
    expect(record.row).toMatchObject({ status: "retrying", runs: 2 });
  });

  test("is completed, also if its claim was given back before, and another run holds the job", () => {
    const record = running();
    record.end("a", "released", { seed: undefined });
    record.claim("b");
    expect(record.end("a", "completed", { isUntracked: true }).verdict).toBe("recorded");
    expect(record.row).toMatchObject({ status: "completed", hold: undefined });
  });

  test("is completed, also if its message was moved back from the dead letters, and states no generation", () => {
    const record = failed();
    record.buried();
    record.claim("b", { wasDeadLetter: true });
    record.end("b", "retrying", { generation: 1, inMs: 1_000 });
    expect(record.end("c", "failed", { isUntracked: true, attempt: 5, generation: 0 }).verdict).toBe(
      "overruled",
    );
    expect(record.end("c", "completed", { isUntracked: true, generation: 0 }).verdict).toBe("recorded");
    expect(record.row).toMatchObject({ status: "completed", generation: 1 });
  });

  test.each(["retrying", "failed", "released"] as const)(
    "sets nothing back that a claim holds: %s",
    (outcome) => {
      const record = running();
      expect(record.end("b", outcome, { isUntracked: true })).toMatchObject({
        verdict: "overruled",
        status: "processing",
      });
      expect(record.row?.hold?.token).toBe("a");
    },
  );

  test("sets nothing back to an earlier attempt", () => {
    const record = running();
    record.end("a", "retrying");
    record.claim("b");
    record.wait(1).end("b", "retrying", { attempt: 2 });
    expect(record.end("c", "failed", { isUntracked: true, attempt: 1 })).toMatchObject({
      verdict: "overruled",
      status: "retrying",
    });
  });

  test("is recorded as failed where nobody holds it", () => {
    const record = new Record();
    record.insert();
    expect(
      record.end("b", "failed", { isUntracked: true, attempt: 5, deadLetterReason: "max_attempts" }).verdict,
    ).toBe("recorded");
    expect(record.row).toMatchObject({ status: "failed", deadLetterReason: "max_attempts", runs: 5 });
  });

  test("is recorded also where it was taken for lost", () => {
    const record = running();
    record.wait(LEASE_MS).assume("lost");
    expect(record.end("b", "failed", { isUntracked: true, attempt: 1 }).verdict).toBe("recorded");
    expect(record.row?.status).toBe("failed");
  });

  test("is not sent again, since its message was received", () => {
    for (const outcome of ["retrying", "released", "failed", "completed"] as const) {
      const record = new Record();
      record.birth();
      record.end("a", outcome, { isUntracked: true, attempt: 1 });
      expect(record.row).toMatchObject({ dispatch: undefined, dispatches: 1 });
    }
  });

  test("does not fail the redriven job by a journal that is written late", () => {
    const record = failed();
    record.claim("b", { redrive: 1 });
    record.end("b", "completed");
    expect(record.end("j", "failed", { isUntracked: true, generation: 0, attempt: 1 })).toMatchObject({
      verdict: "overruled",
      status: "completed",
    });
    expect(record.row?.status).toBe("completed");
  });

  test("records the redriven run of a job that had failed, as its next generation", () => {
    const retried = failed();
    retried.buried();
    expect(
      retried.end("r", "retrying", { isUntracked: true, generation: 1, attempt: 1, inMs: 0 }).verdict,
    ).toBe("recorded");
    expect(retried.row).toMatchObject({ status: "retrying", generation: 1, isBuried: false });
    const again = failed();
    again.buried();
    expect(again.end("r", "failed", { isUntracked: true, generation: 1, attempt: 5 }).verdict).toBe(
      "recorded",
    );
    expect(again.row).toMatchObject({ status: "failed", generation: 1, isBuried: false });
    const over = failed();
    expect(over.end("r", "completed", { isUntracked: true, generation: 1, attempt: 1 }).verdict).toBe(
      "recorded",
    );
    expect(over.row).toMatchObject({ status: "completed", generation: 1 });
  });

  test("is not started again by the redrive of a job that is completed", () => {
    const record = completed();
    expect(record.end("r", "retrying", { isUntracked: true, generation: 1, attempt: 1 })).toMatchObject({
      verdict: "overruled",
      status: "completed",
    });
  });
});

describe("a message that was refused without a claim", () => {
  test("fails a job that waits", () => {
    const record = new Record();
    record.insert();
    expect(record.end(undefined, "failed", { attempt: 11, deadLetterReason: "crash_loop" }).verdict).toBe(
      "recorded",
    );
    expect(record.row).toMatchObject({ status: "failed", deadLetterReason: "crash_loop" });
  });

  test("fails no job that is completed, and is to be acknowledged", () => {
    const record = completed();
    const before = record.row;
    expect(record.end(undefined, "failed", { attempt: 11, deadLetterReason: "crash_loop" })).toEqual({
      do: "ended",
      verdict: "overruled",
      status: "completed",
    });
    expect(record.row).toBe(before);
  });

  test("fails no job that a run holds", () => {
    expect(running().end(undefined, "failed", { attempt: 11 })).toMatchObject({
      verdict: "overruled",
      status: "processing",
    });
  });

  test("lets a run that stood still complete the job all the same", () => {
    const record = running();
    record.wait(LEASE_MS).end(undefined, "failed", { attempt: 11 });
    expect(record.row?.status).toBe("failed");
    expect(record.end("a", "completed", { attempt: 1 }).verdict).toBe("recorded");
  });
});
