import { describe, expect, test } from "vitest";
import type { Disposition } from "../../../src/disposition.ts";
import { PermanentError, RetryAfterError } from "../../../src/errors.ts";
import { Gate } from "../../../src/gate.ts";
import type { Message } from "../../../src/message.ts";
import type { Handler } from "../../../src/queue.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { Door, SECOND, times } from "../support.ts";
import { Bench } from "./bench.ts";

const EMPTY = [0, 0, 0, 0];

describe("verdicts", () => {
  test("to return is to acknowledge", async () => {
    const bench = new Bench();
    await bench.send("mail");
    bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    expect(await bench.counts()).toEqual(EMPTY);
    expect(bench.events.names).toEqual(["started", "completed"]);
  });

  test("an acknowledgement waits for those of others in hand, but not alone, nor where the next of its key waits for it", async () => {
    const bench = new Bench({ emulate: "pubsub" });
    await bench.queue.ensure("ordered", { ordering: "by_key" });
    const door = new Door();
    const settled = (queue: string): number =>
      bench.requests.filter((one) => one.operation === "settle" && one.queue === queue).length;
    for (const queue of ["jobs", "ordered"])
      void bench.queue.receive(queue, ({ type }) => (type === "slow" ? door.opened : undefined), {
        signal: bench.stop.signal,
      });
    await bench.send("slow", "quick");
    for (const orderingKey of ["a", "b"])
      await bench.queue.send("ordered", {
        type: orderingKey === "a" ? "slow" : "quick",
        payload: {},
        orderingKey,
      });
    await bench.clock.settle();
    expect([settled("jobs"), settled("ordered")]).toEqual([0, 1]);
    await bench.clock.advance(bench.driver.limits.settleLingerMs ?? 0);
    expect(settled("jobs")).toBe(1);
    door.open();
    await bench.clock.settle();
    expect([settled("jobs"), settled("ordered")]).toEqual([2, 2]);
    bench.stop.abort();
    await bench.clock.settle();
  });

  test("to throw is to try again with the backoff, attempt by attempt, and in the end to dead-letter", async () => {
    const bench = new Bench();
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 3 });
    const runs: [number, number][] = [];
    bench.receive((_, { attempt }) => {
      runs.push([attempt, bench.clock.now()]);
      throw new Error("no");
    });
    const start = bench.clock.now();
    await bench.clock.advance(60 * SECOND);
    expect(runs).toEqual([
      [1, start],
      [2, start + 500],
      [3, start + 1_500],
    ]);
    expect(await bench.counts()).toEqual([0, 0, 0, 1]);
    const [letter] = await bench.queue.deadLetters("jobs").list();
    expect(letter?.info).toMatchObject({
      reason: "max_attempts",
      error: "Error: no",
      attempts: 3,
      source: "jobs",
    });
  });

  test.each<[string, unknown, string]>([
    ["a permanent error", new PermanentError("gone"), "permanent_error"],
    ["a disposition", { kind: "dead_letter", reason: "spam", error: "bad" } satisfies Disposition, "spam"],
  ])("%s dead-letters at once", async (_, outcome, reason) => {
    const bench = new Bench();
    await bench.send("mail");
    bench.receive(() =>
      outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome as Disposition),
    );
    await bench.clock.settle();
    expect(bench.events.of("dead_lettered")).toMatchObject([{ reason }]);
    expect(await bench.counts()).toEqual([0, 0, 0, 1]);
  });

  test("a retry-after error has its delay, in whole milliseconds and never early", async () => {
    const bench = new Bench();
    await bench.send("mail");
    let runs = 0;
    bench.receive(() => {
      runs += 1;
      throw new RetryAfterError(4_999.5);
    });
    await bench.clock.advance(4_999);
    expect(runs).toBe(1);
    await bench.clock.advance(1);
    expect(runs).toBe(2);
  });

  test("a delay beyond every date is waited for all the same, not skipped", async () => {
    const bench = new Bench({ emulate: "sqs" });
    await bench.send("mail");
    let runs = 0;
    bench.receive(() => {
      runs += 1;
      throw new RetryAfterError(Number.MAX_SAFE_INTEGER);
    });
    await bench.clock.advance(86_400 * SECOND);
    expect(runs).toBe(1);
    expect((await bench.queue.stats("jobs")).delayed).toBe(1);
  });

  test.each<[string, () => unknown]>([
    ["what cannot be printed", () => Object.create(null)],
    [
      "an error whose message cannot be read",
      () =>
        Object.defineProperty(new Error("x"), "message", {
          get() {
            throw new Error("no message");
          },
        }),
    ],
  ])("whatever is thrown gets its verdict: %s too", async (_, thrown) => {
    const bench = new Bench();
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });
    bench.receive(() => Promise.reject(thrown()));
    await bench.clock.settle();
    expect(await bench.counts()).toEqual([0, 0, 0, 1]);
    expect(bench.events.of("warning")).toEqual([]);
  });

  test.each([["ok"], [42], [false], [{ messageId: "m1" }]])(
    "%j is no disposition, and says nothing against the message: it was handled",
    async (returned) => {
      const bench = new Bench();
      await bench.send("mail");
      bench.receive(() => Promise.resolve(returned as unknown as Disposition));
      await bench.clock.settle();
      expect(bench.events.names).toEqual(["started", "completed"]);
      expect(await bench.counts()).toEqual(EMPTY);
    },
  );

  test("a disposition that there is not fails the run, and says which there are", async () => {
    const bench = new Bench();
    await bench.send("mail");
    bench.receive(() => Promise.resolve({ kind: "dead_leter" } as unknown as Disposition));
    await bench.clock.settle();
    expect(bench.events.names).toEqual(["started", "failed", "retrying"]);
    expect(bench.events.of("failed")[0]?.error).toMatchObject({
      code: "invalid_options",
      message: expect.stringMatching(/"dead_leter".*dead_letter/) as string,
    });
  });

  test("what cannot be called handles nothing: it is refused, not tried on every message", async () => {
    const bench = new Bench();
    await bench.send("mail");
    const receiving = bench.receive(undefined as unknown as Handler);
    await bench.clock.settle();
    expect(receiving.error).toMatchObject({ code: "invalid_options", queue: "jobs" });
    expect(await bench.counts()).toEqual([1, 0, 0, 0]);
  });
});

test("while nothing is confirmed, twice as many messages as there are slots are handled, and no more", async () => {
  const bench = new Bench({ emulate: "sqs" });
  const door = new Door();
  bench.fault = ({ operation }) =>
    operation === "settle" ? { kind: "stall", until: door.opened } : undefined;
  await Promise.all(times(100, () => bench.send("mail")));
  let handled = 0;
  bench.receive(() => void (handled += 1), { concurrency: 30 });
  await bench.clock.advance(SECOND);
  expect(handled).toBe(60);
  door.open();
  await bench.clock.advance(SECOND);
  expect(handled).toBe(100);
});

describe("on receipt", () => {
  test.each([
    ["that is no JSON", "{"],
    ["whose id cannot be printed", '{"type":"mail","payload":1,"id":{"toString":1}}'],
  ])("a body %s is dead-lettered as it came, and its neighbours run", async (_, body) => {
    const bench = new Bench();
    await bench.plant("jobs", { body, attributes: { theirs: "x" } });
    await bench.send("mail");
    bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    expect(bench.events.of("completed")).toHaveLength(1);
    expect(await bench.counts()).toEqual([0, 0, 0, 1]);
    const [letter] = await bench.peek("jobs-dlq");
    expect(letter).toMatchObject({
      body,
      attributes: { theirs: "x", qp_dlq: expect.stringContaining("malformed") as string },
    });
  });

  test("a message that kills its process each time is dead-lettered as crash_loop, without another run", async () => {
    const bench = new Bench();
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 7; delivery += 1) {
      await bench.peek("jobs");
    }
    let runs = 0;
    bench.receive(() => Promise.resolve(void (runs += 1)));
    await bench.clock.settle();
    expect(runs).toBe(0);
    expect(bench.events.of("dead_lettered")).toMatchObject([{ reason: "crash_loop" }]);
  });

  test("one delivery less, and it runs", async () => {
    const bench = new Bench();
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 6; delivery += 1) await bench.peek("jobs");
    bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    expect(bench.events.of("completed")).toMatchObject([{ job: { attempt: 6 } }]);
  });

  test("what took so long to arrive that its lease has ended is not run", async () => {
    const bench = new Bench();
    await bench.send("mail");
    const open = bench.driver.open.bind(bench.driver);
    bench.driver.open = (queue, options) => {
      const source = open(queue, options);
      const next = source.next.bind(source);
      source.next = async (max, signal) => {
        const deliveries = await next(max, signal);
        return deliveries.map((one) =>
          one.deliveryCount === 1 ? { ...one, leaseUntil: bench.clock.now() } : one,
        );
      };
      return source;
    };
    const runs: number[] = [];
    bench.receive((_, { attempt }) => Promise.resolve(void runs.push(attempt)));
    await bench.clock.advance(60 * SECOND);
    expect(runs).toEqual([2]);
    expect(bench.events.of("lease_lost")).toHaveLength(1);
  });

  test("a callback that throws costs its own message a delivery, and nothing else", async () => {
    const bench = new Bench();
    await bench.send("bad", "good");
    let bad = 0;
    bench.receive(() => Promise.resolve(), {
      concurrencyOf: (type) => {
        if (type === "bad" && (bad += 1) === 1) throw new Error("a mistake");
        return undefined;
      },
    });
    await bench.clock.settle();
    expect(bench.events.of("completed")).toMatchObject([{ job: { type: "good" } }]);
    expect(bench.events.of("warning")).toMatchObject([{ code: "internal" }]);
    await bench.clock.advance(60 * SECOND);
    expect(bench.events.of("completed")).toMatchObject([
      { job: { type: "good" } },
      { job: { type: "bad", attempt: 2 } },
    ]);
  });
});

describe("a gate that is closed", () => {
  test("lets nothing start, not even what waits for its type; opened, everything runs", async () => {
    const bench = new Bench();
    const gate = new Gate();
    await bench.send("slow", "slow", "slow");
    const doors = times(3, () => new Door());
    let runs = 0;
    bench.receive(
      () => {
        runs += 1;
        return doors[runs - 1]?.opened ?? Promise.resolve();
      },
      { gate, concurrencyOf: () => 1 },
    );
    await bench.clock.settle();
    expect(runs).toBe(1);
    gate.close();
    doors[0]?.open();
    await bench.clock.advance(60 * SECOND);
    expect(runs).toBe(1);
    for (const door of doors) door.open();
    gate.open();
    await bench.clock.advance(60 * SECOND);
    expect(runs).toBe(3);
    expect(await bench.counts()).toEqual(EMPTY);
    expect(bench.events.of("started").map(({ job }) => job.attempt)).toEqual([1, 1, 1]);
  });
});

test("a copy that cannot be made releases the original, which is never acknowledged", async () => {
  const bench = new Bench();
  await bench.send("mail");
  bench.fault = ({ operation, queue }) =>
    operation === "send" && queue === "jobs-dlq"
      ? { kind: "error", error: new DriverError("permanent", "no") }
      : undefined;
  const seen: Message[] = [];
  bench.receive((message) => {
    seen.push(message);
    throw new PermanentError("gone");
  });
  await bench.clock.advance(29_999);
  expect(bench.events.of("settle_failed")).toMatchObject([{ operation: "dead_letter" }]);
  expect(bench.events.of("dead_lettered")).toEqual([]);
  bench.fault = () => undefined;
  await bench.clock.advance(1);
  expect(seen).toHaveLength(2);
  expect(await bench.counts()).toEqual([0, 0, 0, 1]);
});
