import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import type { Driver } from "../../../src/driver/contract.ts";
import type { Disposition } from "../../../src/queue/disposition.ts";
import { PermanentError, RetryAfterError } from "../../../src/errors.ts";
import type { Handler } from "../../../src/queue/receive.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

const EMPTY = [0, 0, 0, 0];

test("a handler that returns acknowledges its message", async () => {
  const fixture = new Fixture();
  await fixture.send("mail");
  fixture.receive(() => Promise.resolve());
  await fixture.clock.settle();

  expect(await fixture.counts()).toEqual(EMPTY);
  expect(fixture.events.names).toEqual(["started", "completed"]);
});

test("an acknowledgement waits for others to share its request, unless no other message is leased or its queue is ordered", async () => {
  const fixture = new Fixture({ emulate: "pubsub" });
  await fixture.queue.ensure("ordered", { ordering: "by_key" });
  const door = new Door();
  const settled = (queue: string): number =>
    fixture.requests.filter((one) => one.operation === "settle" && one.queue === queue).length;

  for (const queue of ["jobs", "ordered"])
    void fixture.queue.receive(queue, ({ type }) => (type === "slow" ? door.opened : undefined), {
      signal: fixture.stop.signal,
    });
  await fixture.send("slow", "quick");
  for (const orderingKey of ["a", "b"])
    await fixture.queue.send("ordered", {
      type: orderingKey === "a" ? "slow" : "quick",
      payload: {},
      orderingKey,
    });
  await fixture.clock.settle();
  expect([settled("jobs"), settled("ordered")]).toEqual([0, 1]);

  await fixture.clock.advance(fixture.driver.limits.settleLingerMs ?? 0);
  expect(settled("jobs")).toBe(1);

  door.open();
  await fixture.clock.settle();
  expect([settled("jobs"), settled("ordered")]).toEqual([2, 2]);

  fixture.stop.abort();
  await fixture.clock.settle();
});

test("a handler that throws is retried with its backoff, and dead-lettered after the last attempt", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 3 });
  const runs: [number, number][] = [];
  fixture.receive((_, { attempt }) => {
    runs.push([attempt, fixture.clock.now()]);
    throw new Error("no");
  });
  const start = fixture.clock.now();
  await fixture.clock.advance(60 * SECOND);
  expect(runs).toEqual([
    [1, start],
    [2, start + 500],
    [3, start + 1_500],
  ]);
  expect(await fixture.counts()).toEqual([0, 0, 0, 1]);

  const [deadLetter] = await fixture.queue.deadLetters("jobs").list();
  expect(deadLetter?.info).toMatchObject({
    reason: "max_attempts",
    error: "Error: no",
    attempts: 3,
    source: "jobs",
  });
});

test("decidedBy decides the outcome of a handler, and an error that it throws is the outcome instead", async () => {
  const fixture = new Fixture();
  const spam = (error: unknown): Disposition => ({ kind: "dead_letter", reason: "spam", error });
  const thrower = (): never => {
    throw new PermanentError("no decision");
  };
  fixture.receive(({ type }, context) => {
    context.decidedBy(
      type.startsWith("decided")
        ? { returned: () => spam("it returned"), threw: spam }
        : { returned: thrower, threw: thrower },
    );
    if (type.endsWith("thrown")) throw new Error("it threw");
    return { kind: "release" };
  });
  await fixture.send("decided", "decided thrown", "undecided", "undecided thrown");
  await fixture.clock.settle();
  expect(await fixture.counts()).toEqual([0, 0, 0, 4]);

  const deadLetters = await fixture.queue.deadLetters("jobs").list();
  expect(deadLetters.map(({ info }) => [info?.reason, info?.error])).toEqual([
    ["spam", "it returned"],
    ["spam", "Error: it threw"],
    ["permanent_error", "PermanentError: no decision"],
    ["permanent_error", "PermanentError: no decision"],
  ]);
});

test.each<[string, unknown, string]>([
  ["a permanent error", new PermanentError("gone"), "permanent_error"],
  ["a disposition", { kind: "dead_letter", reason: "spam", error: "bad" } satisfies Disposition, "spam"],
])("%s dead-letters a message immediately", async (_, outcome, reason) => {
  const fixture = new Fixture();
  await fixture.send("mail");
  fixture.receive(() =>
    outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome as Disposition),
  );
  await fixture.clock.settle();

  expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason }]);
  expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
});

test("a retry-after error delays the retry in whole milliseconds, rounded up", async () => {
  const fixture = new Fixture();
  await fixture.send("mail");
  let runs = 0;
  fixture.receive(() => {
    runs += 1;
    throw new RetryAfterError(4_999.5);
  });
  await fixture.clock.advance(4_999);
  expect(runs).toBe(1);

  await fixture.clock.advance(1);
  expect(runs).toBe(2);
});

test("a retry-after error whose delay is no number any more is retried with the backoff", async () => {
  for (const delayMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, "soon"]) {
    const fixture = new Fixture();
    await fixture.send("mail");
    fixture.receive(() => Promise.reject(Object.assign(new RetryAfterError(1), { delayMs })), {
      backoff: { baseMs: 7_000, jitter: false },
    });
    await fixture.clock.settle();

    expect(fixture.events.of("retrying")).toMatchObject([{ delayMs: 7_000 }]);
  }
});

test("a retry delay beyond the latest date is kept, and the message does not run early", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.send("mail");
  let runs = 0;
  fixture.receive(() => {
    runs += 1;
    throw new RetryAfterError(Number.MAX_SAFE_INTEGER);
  });
  await fixture.clock.advance(86_400 * SECOND);

  expect(runs).toBe(1);
  expect((await fixture.queue.stats("jobs")).delayed).toBe(1);
});

test.each<[string, () => unknown]>([
  ["a value that cannot be printed", () => Object.create(null)],
  [
    "an error whose message cannot be read",
    () =>
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("no message");
        },
      }),
  ],
])("%s is handled as a failure if a handler throws it", async (_, thrown) => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });
  fixture.receive(() => Promise.reject(thrown()));
  await fixture.clock.settle();

  expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
  expect(fixture.events.of("warning")).toEqual([]);
});

test.each([["ok"], [42], [false], [{ messageId: "m1" }]])(
  "a message is acknowledged if its handler returns %j, which is no disposition",
  async (returned) => {
    const fixture = new Fixture();
    await fixture.send("mail");
    fixture.receive(() => Promise.resolve(returned as unknown as Disposition));
    await fixture.clock.settle();

    expect(fixture.events.names).toEqual(["started", "completed"]);
    expect(await fixture.counts()).toEqual(EMPTY);
  },
);

test("an unknown disposition fails the run, and the error names the known ones", async () => {
  const fixture = new Fixture();
  await fixture.send("mail");
  fixture.receive(() => Promise.resolve({ kind: "dead_leter" } as unknown as Disposition));
  await fixture.clock.settle();

  expect(fixture.events.names).toEqual(["started", "failed", "retrying"]);
  expect(fixture.events.of("failed")[0]?.error).toMatchObject({
    code: "invalid_options",
    message: expect.stringMatching(/"dead_leter".*dead_letter/) as string,
  });
});

test("a handler that is not a function is refused, and no message is received", async () => {
  const fixture = new Fixture();
  await fixture.send("mail");
  const receiving = fixture.receive(undefined as unknown as Handler);
  await fixture.clock.settle();

  expect(receiving.error).toMatchObject({ code: "invalid_options", queue: "jobs" });
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
});

test("a retry whose copy would be too large is delayed in place, for as long as the provider can", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  const shell = JSON.stringify({ type: "job", payload: "" });
  const full = shell.replace('""', `"${"a".repeat(1_048_576 - shell.length)}"`);
  await fixture.plant("jobs", { body: full });
  const attempts: number[] = [];
  fixture.receive((_, { attempt }) => {
    attempts.push(attempt);
    throw new RetryAfterError(3_600 * SECOND);
  });
  await fixture.clock.advance(900 * SECOND - 1);
  expect(attempts).toEqual([1]);

  await fixture.clock.advance(1);
  expect(attempts).toEqual([1, 2]);
});

test("a retry that is longer than its queue can hide a message is sent as a copy, also if other queues can hide it", async () => {
  const clock = new FakeClock();
  const settled: string[] = [];
  const fixture = new Fixture({ clock, driver: withShortReleases("jobs", memory({ clock }), settled) });
  const fails: Handler = (_message, { attempt }) => {
    if (attempt === 1) throw new RetryAfterError(10 * SECOND);
  };
  fixture.receive(fails);
  void fixture.queue.receive("other", fails, { signal: fixture.stop.signal, onEvent: () => {} });
  await fixture.send("mail");
  await fixture.queue.send("other", { type: "mail", payload: {} });
  await clock.advance(10 * SECOND);

  expect(settled.toSorted()).toEqual(["jobs ack", "jobs ack", "other ack", "other release"]);
  fixture.stop.abort();
  await clock.settle();
});

/** A driver on which one queue hides released messages for five seconds at most. Records the settlements. */
function withShortReleases(name: string, inner: Driver, settled: string[]): Driver {
  return {
    provider: inner.provider,
    limits: inner.limits,
    describe: async (queue) => ({
      ...(await inner.describe(queue)),
      maxReleaseDelayMs: queue === name ? 5 * SECOND : undefined,
    }),
    classify: (error) => inner.classify(error),
    send: (queue, messages, signal) => inner.send(queue, messages, signal),
    stats: (queue) => inner.stats(queue),
    close: () => inner.close(),
    open(queue, options) {
      const source = inner.open(queue, options);
      return {
        next: (max, signal) => source.next(max, signal),
        settle(operations) {
          settled.push(...operations.map(({ kind }) => `${queue} ${kind}`));
          return source.settle(operations);
        },
        stop: () => source.stop(),
        close: () => source.close(),
      };
    },
  };
}
