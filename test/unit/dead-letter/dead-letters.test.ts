import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import type { RedriveResult } from "../../../src/dead-letter/dead-letters.ts";
import type { Personality } from "../../../adapters/memory/index.ts";
import { SECOND, Stage, times, watch } from "../support.ts";

class Bench extends Stage {
  constructor(emulate?: Personality) {
    super({ queues: ["jobs"], ...(emulate === undefined ? {} : { emulate }) });
  }

  /** Dead-letters a message of each type, as a worker would. */
  async bury(...types: string[]): Promise<void> {
    for (const type of types)
      await this.queue.send("jobs", { type, id: type, payload: { of: type }, maxAttempts: 1 });
    const stop = new AbortController();
    const received = this.queue.receive("jobs", ({ type }) => Promise.reject(new Error(`${type} failed`)), {
      signal: stop.signal,
    });
    await this.clock.settle();
    await this.clock.advance(10);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
  }

  /** Runs something that waits for the provider. */
  async done<T>(work: Promise<T>): Promise<T> {
    const outcome = watch(work);
    for (let turn = 0; turn < 200 && outcome.state === "pending"; turn += 1) await this.clock.advance(100);
    return work;
  }

  async failed(): Promise<number | undefined> {
    return (await this.queue.stats("jobs")).failed;
  }

  /** What runs now: id and attempt. */
  async run(): Promise<[string, number][]> {
    const seen: [string, number][] = [];
    const stop = new AbortController();
    const received = this.queue.receive(
      "jobs",
      ({ id }, { attempt }) => Promise.resolve(void seen.push([id, attempt])),
      {
        signal: stop.signal,
      },
    );
    await this.clock.advance(SECOND);
    stop.abort();
    await this.clock.advance(SECOND);
    await received;
    return seen;
  }
}

describe.each<Personality | undefined>([undefined, "sqs", "service-bus"])("on %s", (emulate) => {
  test("listing tells what there is, and leaves it there", async () => {
    const bench = new Bench(emulate);
    await bench.bury("a", "b");
    for (const _ of times(2, () => 0)) {
      const letters = await bench.done(bench.queue.deadLetters("jobs").list());
      expect(letters.map(({ id }) => id).toSorted((one, other) => one.localeCompare(other))).toEqual([
        "a",
        "b",
      ]);
    }
    const [letter] = await bench.done(bench.queue.deadLetters("jobs").list({ type: "a" }));
    expect(letter).toMatchObject({
      message: { type: "a", payload: { of: "a" } },
      info: { reason: "max_attempts", error: "Error: a failed", attempts: 1, source: "jobs" },
    });
    expect(await bench.failed()).toBe(2);
  });

  test("a redrive sends them back, attempts starting over, each once", async () => {
    const bench = new Bench(emulate);
    await bench.bury("a", "b", "c");
    const progress: RedriveResult[] = [];
    const result = await bench.done(
      bench.queue.deadLetters("jobs").redrive({ ids: ["a", "c"], onProgress: (done) => progress.push(done) }),
    );
    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(progress.at(-1)).toEqual(result);
    expect(await bench.failed()).toBe(1);
    expect((await bench.run()).toSorted(([one], [other]) => one.localeCompare(other))).toEqual([
      ["a", 1],
      ["c", 1],
    ]);
  });

  test("what is redriven twice is not swallowed, and carries nothing of its first life", async () => {
    const bench = new Bench(emulate);
    await bench.bury("a");
    for (const _ of times(2, () => 0)) {
      const redriven = await bench.done(bench.queue.deadLetters("jobs").redrive());
      expect(redriven.redriven).toBe(1);
      await bench.bury();
    }
    expect(await bench.failed()).toBe(1);
    await bench.done(bench.queue.deadLetters("jobs").redrive());
    const [again] = await bench.peek("jobs");
    expect(again?.attributes).toEqual({ type: "a", qp_redrive: "3" });
  });

  test("discarding removes them for good", async () => {
    const bench = new Bench(emulate);
    await bench.bury("a", "b");
    expect(await bench.done(bench.queue.deadLetters("jobs").discard({ type: "a" }))).toBe(1);
    expect(await bench.failed()).toBe(1);
    expect(await bench.done(bench.queue.deadLetters("jobs").discard({}))).toBe(1);
    expect(await bench.failed()).toBe(0);
  });
});

describe("a redrive", () => {
  test("may change messages, and leave some where they are", async () => {
    const bench = new Bench();
    await bench.bury("a", "b");
    const result = await bench.done(
      bench.queue.deadLetters("jobs").redrive({
        transform: (message) =>
          message.type === "a" ? undefined : { type: "b2", payload: { was: message.payload } },
      }),
    );
    expect(result).toEqual({ matched: 2, redriven: 1, skipped: 1, failed: 0 });
    const [sent] = await bench.peek("jobs");
    expect(JSON.parse(String(sent?.body))).toMatchObject({
      id: "b",
      type: "b2",
      payload: { was: { of: "b" } },
    });
    expect(await bench.failed()).toBe(1);
  });

  test("that only counts moves nothing", async () => {
    const bench = new Bench();
    await bench.bury("a", "b");
    const result = await bench.done(bench.queue.deadLetters("jobs").redrive({ dryRun: true }));
    expect(result).toEqual({ matched: 2, redriven: 2, skipped: 0, failed: 0 });
    expect(await bench.failed()).toBe(2);
  });

  test("keeps what could not be sent", async () => {
    const bench = new Bench();
    await bench.bury("a", "b");
    bench.fault = ({ operation }) =>
      operation === "send"
        ? { kind: "fail_entries", indexes: [0], error: new DriverError("permanent", "no") }
        : undefined;
    const redriven = watch(bench.queue.deadLetters("jobs").redrive());
    await bench.clock.advance(SECOND);
    expect(redriven.error).toMatchObject({ code: "provider" });
    expect(await bench.failed()).toBe(1);
    expect((await bench.queue.stats("jobs")).messages).toBe(1);
  });

  test("keeps to its rate, and stops when it is told to", async () => {
    const bench = new Bench();
    await bench.bury(...times(6, String));
    const stop = new AbortController();
    const redriven = watch(
      bench.queue.deadLetters("jobs").redrive({ ratePerSecond: 2, signal: stop.signal }),
    );
    await bench.clock.advance(SECOND);
    stop.abort();
    await bench.clock.advance(SECOND);
    expect(redriven.value).toMatchObject({ redriven: 3 });
    expect(await bench.failed()).toBe(3);
  });
});

test("what the provider put there by itself can be listed and redriven as well", async () => {
  const bench = new Bench();
  await bench.plant("jobs-dlq", { body: "{", attributes: { theirs: "x" } });
  const [letter] = await bench.done(bench.queue.deadLetters("jobs").list());
  expect(letter).toMatchObject({ message: undefined, body: "{", info: { reason: "broker", source: "jobs" } });
  await bench.done(bench.queue.deadLetters("jobs").redrive());
  expect(await bench.peek("jobs")).toMatchObject([
    { body: "{", attributes: { theirs: "x", qp_redrive: "1" } },
  ]);
});

test("a provider that does not answer a poll does not hold up a listing for ever", async () => {
  const bench = new Bench("sqs");
  await bench.bury("a");
  bench.fault = ({ operation }) =>
    operation === "receive" ? { kind: "stall", until: new Promise(() => {}) } : undefined;
  const listed = watch(bench.queue.deadLetters("jobs").list());
  await bench.clock.advance(120 * SECOND);
  expect(listed.value).toEqual([]);
});
