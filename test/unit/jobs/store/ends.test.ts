import { describe, expect, test } from "vitest";
import { LEASE_MS, Record, running, START } from "./record.ts";

describe("the end of a claimed run", () => {
  test("is recorded, with its result, duration and progress", () => {
    const record = running();
    const { answer, data } = record.wait(500).apply({
      kind: "end",
      id: "job-1",
      token: "a",
      isUntracked: false,
      seq: 1,
      generation: 0,
      attempt: 1,
      outcome: "completed",
      result: { value: { sent: 1 } },
      workerId: "w",
      durationMs: 480,
    });
    expect(answer).toEqual({ do: "ended", verdict: "recorded", status: "completed" });
    expect(data?.result).toEqual({ value: { sent: 1 } });
    expect(record.row).toMatchObject({
      status: "completed",
      progress: 100,
      durationMs: 480,
      finishedAt: record.now,
      hold: undefined,
    });
  });

  test("is accepted after its hold has lapsed, while nobody has taken the job over", () => {
    const record = running().wait(LEASE_MS * 10);
    expect(record.end("a", "completed").verdict).toBe("recorded");
    expect(record.row?.status).toBe("completed");
  });

  test("gives an attempt back if the run is released, and keeps it if the run failed", () => {
    const released = running();
    released.end("a", "released");
    expect(released.row).toMatchObject({ status: "queued", runs: 0 });
    const retrying = running();
    retrying.end("a", "retrying", { inMs: 5_000 });
    expect(retrying.row).toMatchObject({ status: "retrying", runs: 1, nextAt: START + 5_000 });
    expect(retrying.row?.attempts).toMatchObject([{ attempt: 1, error: { message: "no route" } }]);
  });

  test("keeps the ten last failed runs", () => {
    const record = new Record();
    for (let run = 1; run <= 12; run += 1) {
      record.claim(`run-${run}`);
      record.end(`run-${run}`, "retrying", { inMs: 0 });
    }
    expect(record.row?.attempts.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("is overruled by a cancellation unless the run completed", () => {
    const threw = running();
    threw.cancel("user left");
    expect(threw.end("a", "retrying")).toEqual({ do: "ended", verdict: "overruled", status: "cancelled" });
    const returned = running();
    returned.cancel("user left");
    expect(returned.end("a", "completed")).toEqual({ do: "ended", verdict: "recorded", status: "completed" });
    expect(returned.row).toMatchObject({ cancelReason: "user left", cancelRequestedAt: START });
  });
});

describe("an end whose answer was lost", () => {
  test.each(["completed", "retrying", "failed", "released", "cancelled"] as const)(
    "is answered as before if it is repeated: %s",
    (outcome) => {
      const record = running();
      const answer = record.end("a", outcome);
      const { row } = record;
      expect(record.end("a", outcome)).toEqual(answer);
      expect(record.row).toBe(row);
    },
  );

  test("is answered as recorded also if another run has claimed the job since", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 0 });
    record.claim("b");
    expect(record.end("a", "retrying", { inMs: 0 })).toMatchObject({ verdict: "recorded" });
    expect(record.row?.hold?.token).toBe("b");
  });

  test("is answered as overruled if it is repeated after a cancellation", () => {
    const record = running();
    record.cancel();
    const answer = record.end("a", "failed");
    expect(record.end("a", "failed")).toEqual(answer);
  });
});

describe("a run that was taken over", () => {
  test.each(["completed", "retrying", "failed", "released"] as const)(
    "is fenced when it ends: %s",
    (outcome) => {
      const record = running();
      record.wait(LEASE_MS).claim("b");
      const before = record.row;
      expect(record.end("a", outcome, { attempt: 1 })).toEqual({
        do: "ended",
        verdict: "fenced",
        status: "processing",
      });
      expect(record.row).toBe(before);
    },
  );

  test("may be settled once the other run has completed", () => {
    const record = running();
    record.wait(LEASE_MS).claim("b");
    record.end("b", "completed");
    expect(record.end("a", "retrying", { attempt: 1 })).toEqual({
      do: "ended",
      verdict: "overruled",
      status: "completed",
    });
  });
});

describe("a run that nobody has taken over, and that somebody has closed", () => {
  test("completes a job that was cancelled after its hold had lapsed", () => {
    const record = running();
    record.wait(LEASE_MS).cancel();
    expect(record.row?.status).toBe("cancelled");
    expect(record.end("a", "completed").verdict).toBe("recorded");
    expect(record.row?.status).toBe("completed");
  });

  test("stays cancelled if it failed", () => {
    const record = running();
    record.wait(LEASE_MS).cancel();
    expect(record.end("a", "failed")).toEqual({ do: "ended", verdict: "overruled", status: "cancelled" });
  });

  test.each(["lost", "failed"] as const)("completes a job that was assumed to be %s", (outcome) => {
    const record = running();
    record.wait(LEASE_MS).assume(outcome);
    expect(record.end("a", "completed").verdict).toBe("recorded");
    expect(record.row).toMatchObject({ status: "completed", error: undefined, deadLetterReason: undefined });
  });

  test("completes a job that failed as a crash loop meanwhile", () => {
    const record = running();
    let token = "a";
    for (let index = 0; record.row?.status !== "failed"; index += 1)
      if (record.wait(LEASE_MS).claim(`next-${index}`).do === "run") token = `next-${index}`;
    expect(record.end(token, "completed").verdict).toBe("recorded");
  });

  test("completes a job whose handler went on after it was given up", () => {
    const record = running();
    record.end("a", "retrying", { inMs: 60_000 });
    expect(record.end("a", "completed").verdict).toBe("recorded");
    expect(record.claim("b")).toEqual({ do: "done", generation: 0 });
  });

  test("does not complete the next generation of its job", () => {
    const record = running();
    record.end("a", "failed");
    record.reopen("retry-1");
    expect(record.end("a", "completed", { generation: 0 }).verdict).not.toBe("recorded");
    expect(record.row).toMatchObject({ status: "queued", generation: 1 });
  });
});
