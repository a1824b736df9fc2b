import { describe, expect, it } from "vitest";
import type { EndChange, NewStoredJob } from "../../../../src/jobs/store/change.ts";
import { Journal } from "../../../../src/jobs/writes/journal.ts";
import { times } from "../../support.ts";

const job: NewStoredJob = { type: "t", queue: "q", maxAttempts: 5, createdAt: 0, message: { payload: 1 } };

function end(id: string, token: string, fields: Partial<EndChange> = {}): EndChange {
  return {
    kind: "end",
    id,
    token,
    isUntracked: true,
    seq: 1,
    generation: 0,
    attempt: 1,
    outcome: "completed",
    workerId: "w",
    durationMs: 1,
    ...fields,
  };
}

describe("the journal", () => {
  it("keeps the newest end of each job", () => {
    const journal = new Journal();
    for (const attempt of [1, 2, 3]) journal.add(end("j", `t${attempt}`, { attempt, outcome: "retrying" }));
    expect(journal.takeOf("j")).toMatchObject([{ attempt: 3 }]);
    expect(journal.size).toBe(0);
  });

  it("also keeps the end of a claim that the store knows, since nothing else ends it", () => {
    const journal = new Journal();
    journal.add(end("j", "held", { isUntracked: false, outcome: "retrying" }));
    journal.add(end("j", "second", { attempt: 2, outcome: "retrying" }));
    journal.add(end("j", "third", { attempt: 3 }));
    expect(journal.takeOf("j")).toMatchObject([{ token: "held" }, { token: "third" }]);
  });

  it("keeps the end of a run that has returned, if the decision to give it up comes after it", () => {
    const journal = new Journal();
    journal.add(end("j", "a", { seq: 2 }));
    journal.add(end("j", "a", { seq: 1, outcome: "retrying" }));
    expect(journal.takeOf("j")).toMatchObject([{ seq: 2, outcome: "completed" }]);
  });

  it("keeps the end of a job that is completed behind that of another run, which only ends its own claim", () => {
    const journal = new Journal();
    journal.add(end("j", "a"));
    journal.add(end("j", "b", { outcome: "retrying" }));
    expect(journal.takeOf("j")).toMatchObject([{ token: "a" }]);
    journal.add(end("j", "a"));
    journal.add(end("j", "c", { outcome: "retrying", isUntracked: false }));
    expect(journal.takeOf("j")).toMatchObject([{ token: "c" }, { token: "a" }]);
    journal.add(end("j", "a"));
    journal.add(end("j", "d", { outcome: "failed", generation: 1 }));
    expect(journal.takeOf("j")).toMatchObject([{ token: "d" }]);
  });

  it("returns the changes of a job in the order in which they are applied", () => {
    const journal = new Journal();
    journal.add({ kind: "buried", id: "j", generation: 0 });
    journal.add(end("j", "t", { outcome: "failed" }));
    journal.add({ kind: "insert", id: "j", job });
    expect(journal.take(10).map(({ kind }) => kind)).toEqual(["insert", "end", "buried"]);
  });

  it("takes the oldest changes first", () => {
    const journal = new Journal();
    for (const index of times(5, (n) => n)) journal.add(end(`j${index}`, "t"));
    expect(journal.take(2).map(({ id }) => id)).toEqual(["j0", "j1"]);
    expect(journal.size).toBe(3);
  });

  it("does not put a change back over a newer one", () => {
    const journal = new Journal();
    journal.add(end("j", "old", { attempt: 1 }));
    const [taken] = journal.take(1);
    journal.add(end("j", "new", { attempt: 2 }));
    journal.putBack(taken as EndChange);
    expect(journal.takeOf("j")).toMatchObject([{ attempt: 2 }]);
  });

  it("holds the sends and the ends of a minute at 800 jobs a second", () => {
    const journal = new Journal();
    for (let index = 0; index < 48_000; index += 1) {
      journal.add({ kind: "insert", id: `j${index}`, job });
      journal.add(end(`j${index}`, "t"));
    }
    expect(journal.dropped).toBe(0);
    expect(journal.size).toBe(96_000);
  });

  it("drops inserts, checkpoints and log lines first when it is full", () => {
    const journal = new Journal(10, Number.POSITIVE_INFINITY);
    journal.add(end("first", "t", { saved: { value: 1 }, logs: [] }));
    for (const index of times(5, (n) => n)) journal.add({ kind: "insert", id: `i${index}`, job });
    for (const index of times(5, (n) => n)) journal.add(end(`e${index}`, "t"));
    expect(journal.dropped).toBe(2);
    const kept = journal.take(100);
    expect(kept.filter(({ kind }) => kind === "end").map(({ id }) => id)).toEqual([
      "first",
      "e0",
      "e1",
      "e2",
      "e3",
      "e4",
    ]);
    expect(kept[0]).not.toHaveProperty("saved.value");
  });

  it("then drops the oldest ends, and counts them", () => {
    const journal = new Journal(10);
    for (const index of times(25, (n) => n)) journal.add(end(`j${index}`, "t"));
    expect(journal.size).toBeLessThanOrEqual(10);
    expect(journal.dropped + journal.size).toBe(25);
    expect(journal.take(100).at(-1)?.id).toBe("j24");
  });

  it("is bounded by bytes as well", () => {
    const journal = new Journal(1_000, 100_000);
    for (const index of times(20, (n) => n))
      journal.add(end(`j${index}`, "t", { result: { value: "x".repeat(20_000) } }));
    expect(journal.size).toBeLessThanOrEqual(5);
    expect(journal.dropped + journal.size).toBe(20);
  });
});
