import { describe, expect, test } from "vitest";
import { completed, failed, LEASE_MS, Record, running, START } from "./record.ts";

describe("the first claim of a message", () => {
  test("creates the record of a job that was never inserted", () => {
    const record = new Record().wait(2_000);
    expect(record.claim("a")).toMatchObject({ do: "run", generation: 0, attempt: 1, priority: "normal" });
    expect(record.row).toMatchObject({
      status: "processing",
      version: 1,
      runs: 1,
      waitMs: 2_000,
      stamp: "stamp-1",
    });
    expect(record.row?.hold).toEqual({
      token: "a",
      until: START + 2_000 + LEASE_MS,
      workerId: "worker of a",
      seq: 0,
    });
  });

  test("counts the failed runs that the broker knows of, if there is no record", () => {
    expect(new Record().claim("a", { attemptsBefore: 2 })).toMatchObject({ attempt: 3 });
  });

  test("counts the runs of the record and not those of the broker, if there is one", () => {
    const record = running();
    record.end("a", "released");
    expect(record.claim("b", { attemptsBefore: 7 })).toMatchObject({ attempt: 1 });
  });

  test("counts the runs of its copy where those are more than the record knows of", () => {
    const record = running();
    record.end("a", "retrying");
    expect(record.claim("b", { attemptsOfCopy: 3 })).toMatchObject({ attempt: 4 });
  });

  test("gives a fence that is higher than that of every claim before, also after the record was pruned", () => {
    const record = running();
    const first = record.row?.fence ?? 0;
    record.wait(1).end("a", "retrying");
    record.claim("b");
    const second = record.row?.fence ?? 0;
    expect(second).toBeGreaterThan(first);
    record.prune();
    record.wait(1).claim("c");
    expect(record.row?.fence).toBeGreaterThan(second);
  });
});

describe("a claim whose answer was lost", () => {
  test("finds its own live hold and gets the same answer and the same fence", () => {
    const record = new Record();
    const first = record.claim("a");
    expect(record.wait(1_500).claim("a")).toEqual(first);
    expect(record.row).toMatchObject({
      runs: 1,
      version: 1,
      hold: { token: "a", until: record.now + LEASE_MS },
    });
  });

  test("gets the answer that the job is cancelled, if it was cancelled before the run can have begun", () => {
    const record = running();
    record.cancel("user left");
    expect(record.claim("a")).toEqual({ do: "cancelled", generation: 0 });
    expect(record.row).toMatchObject({ status: "cancelled", cancelReason: "user left" });
  });

  test("does not cancel a run that has reported, if the network delivers it late", () => {
    const record = running();
    record.touch("a", 1, { progress: 10 });
    record.cancel();
    expect(record.claim("a")).toMatchObject({ do: "run" });
    expect(record.row?.status).toBe("processing");
  });

  test("does not hold the job again, if the network delivers it after the end of its run", () => {
    const record = running();
    record.end("a", "retrying");
    const before = record.row;
    expect(record.claim("a")).toMatchObject({ do: "later", why: "busy" });
    expect(record.row).toBe(before);
  });
});

describe("a second copy of a message", () => {
  test("waits while a run holds the job, for as long as the hold lasts", () => {
    const record = running();
    expect(record.wait(10_000).claim("b")).toEqual({ do: "later", inMs: LEASE_MS - 10_000, why: "busy" });
    expect(record.row?.hold?.token).toBe("a");
  });

  test("waits for at most a minute, however long the hold is", () => {
    const record = new Record();
    record.claim("a", { leaseMs: 3_600_000 });
    expect(record.claim("b")).toEqual({ do: "later", inMs: 60_000, why: "busy" });
  });

  test("is not run once the job is completed", () => {
    const record = completed();
    expect(record.claim("b")).toEqual({ do: "done", generation: 0 });
  });

  test("waits for the backoff of the failed run, by the clock of the store", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 3_600_000 });
    expect(record.wait(60_000).claim("b")).toEqual({ do: "later", inMs: 3_540_000, why: "backoff" });
    expect(record.wait(3_539_500).claim("b")).toMatchObject({ do: "run", attempt: 2 });
  });

  test("gives no run more than the maximum of attempts counts", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 0 });
    record.claim("b", { attemptsOfCopy: 1 });
    record.end("b", "retrying", { inMs: 0 });
    expect(record.claim("c", { attemptsOfCopy: 1 })).toMatchObject({ attempt: 3 });
  });
});

describe("a claim on a hold that has lapsed", () => {
  test("takes the job over with a higher fence, and counts the run that did not end", () => {
    const record = running();
    const fence: number = record.row?.fence ?? 0;
    const answer = record.wait(LEASE_MS).claim("b");
    expect(answer).toMatchObject({ do: "run", attempt: 2 });
    expect(record.row).toMatchObject({ lapsed: 1, hold: { token: "b" } });
    expect(record.row?.fence).toBeGreaterThan(fence);
  });

  test("gets the answer that the job is cancelled, if its run was asked to end before it lapsed", () => {
    const record = running();
    record.cancel();
    expect(record.wait(LEASE_MS).claim("b")).toEqual({ do: "cancelled", generation: 0 });
    expect(record.row?.status).toBe("cancelled");
  });

  test("fails the job as a crash loop after five lapsed runs more than its attempts", () => {
    const record = running();
    const answers = Array.from({ length: 10 }, (_, index) => record.wait(LEASE_MS).claim(`next-${index}`).do);
    expect(answers).toEqual([...Array.from({ length: 9 }, () => "run"), "failed"]);
    expect(record.row).toMatchObject({ status: "failed", deadLetterReason: "crash_loop", hold: undefined });
  });

  test("does not count lapsed runs before a run that ended as a crash loop", () => {
    const record = running();
    for (let index = 0; index < 9; index += 1) record.wait(LEASE_MS).claim(`next-${index}`);
    record.end("next-8", "retrying", { inMs: 0 });
    expect(record.row?.lapsed).toBe(0);
    record.claim("after");
    expect(record.wait(LEASE_MS).claim("again")).toMatchObject({ do: "run" });
  });
});

describe("a claim on a job that failed", () => {
  test("dead-letters its message again, while its dead letter is not known to be there", () => {
    expect(failed().claim("b")).toMatchObject({ do: "failed", isBuried: false, reason: "max_attempts" });
  });

  test("lets its message be acknowledged, once the dead letter of the same generation is there", () => {
    const record = failed();
    record.buried();
    expect(record.claim("b")).toMatchObject({ do: "failed", isBuried: true });
  });

  test("never lets a copy of an earlier generation be acknowledged for the dead letter of a later one", () => {
    const record = failed();
    record.reopen("retry-1");
    record.claim("b", { redrive: 1 });
    record.end("b", "failed");
    record.buried();
    expect(record.claim("c", { redrive: 0 })).toMatchObject({ do: "failed", isBuried: false });
  });
});

describe("a claim on a job that is not due", () => {
  test("waits until the job is due", () => {
    const record = new Record();
    record.birth({ dueInMs: 600_000 });
    expect(record.wait(1_000).claim("a")).toEqual({ do: "later", inMs: 599_000, why: "scheduled" });
  });

  test("begins once the job was due, also if its dispatch is tried again later", () => {
    const record = new Record();
    record.birth({ dueInMs: 10_000 });
    record.wait(10_000).take();
    record.undispatched(60_000);
    expect(record.claim("a")).toMatchObject({ do: "run" });
    expect(record.row).toMatchObject({ dispatch: undefined, dispatches: 1 });
  });
});

test("a claim on a lost job whose run was asked to end is refused", () => {
  const record = running();
  record.cancel();
  record.wait(LEASE_MS).assume("lost");
  expect(record.claim("b")).toEqual({ do: "cancelled", generation: 0 });
  expect(record.row?.status).toBe("cancelled");
});

test("a claim on a lost job runs it, as its message is there after all", () => {
  const record = running();
  record.wait(LEASE_MS).assume("lost");
  expect(record.claim("b")).toMatchObject({ do: "run", attempt: 2 });
  expect(record.row).toMatchObject({ status: "processing", finishedAt: undefined });
});
