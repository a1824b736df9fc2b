import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Driver } from "../../../src/driver/contract.ts";
import { RetryAfterError } from "../../../src/errors.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { completeMessage } from "../../../src/message/new-message.ts";
import { KeyQueues } from "../../../src/receive/key-queues.ts";
import { Capacity } from "../../../src/receive/capacity.ts";
import { Run, type RunHost } from "../../../src/receive/run.ts";
import { delivery, Door, type FaultRule, MINUTE } from "../support.ts";

/** A driver that declares order by key, and delivers several messages of a key at a time, as SQS does. */
function unordered(clock: FakeClock, before: FaultRule = () => undefined): Driver {
  const driver = memory({ clock, faults: { before: async (point) => before(point) } });
  const describe: Driver["describe"] = async (queue) => ({
    ...(await driver.describe(queue)),
    ordering: "by_key",
  });
  return {
    provider: driver.provider,
    limits: driver.limits,
    describe,
    classify: (error) => driver.classify(error),
    send: (queue, messages, signal) => driver.send(queue, messages, signal),
    open: (queue, options) => driver.open(queue, options),
    stats: (queue) => driver.stats(queue),
    close: () => driver.close(),
  };
}

function runOf(id: string): Run {
  const message = completeMessage({ id, type: "t", payload: 1 }, 0);
  return new Run({ queue: "q" } as RunHost, delivery(), message, { attempt: 0, redrive: 0 }, 0, 30_000);
}

test("messages of one key that arrive together run in sequence, and different keys run in parallel", async () => {
  const clock = new FakeClock();
  const queue = createQueue(unordered(clock), { clock });
  for (const orderingKey of ["a", "b"]) {
    for (let index = 0; index < 5; index += 1) {
      await queue.send("q", { type: "t", payload: `${orderingKey}${index}`, orderingKey });
    }
  }
  const log: string[] = [];
  const running = new Set<string>();
  let mostRunning = 0;
  const stop = new AbortController();
  const receiving = queue.receive(
    "q",
    async ({ payload, orderingKey = "" }) => {
      expect(running.has(orderingKey)).toBe(false);
      running.add(orderingKey);
      mostRunning = Math.max(mostRunning, running.size);
      log.push(String(payload));
      await new Promise<void>((resolve) => clock.timer(10, resolve));
      running.delete(orderingKey);
    },
    { signal: stop.signal, concurrency: 10 },
  );
  await clock.advance(1_000);

  expect(log.filter((one) => one.startsWith("a"))).toEqual(["a0", "a1", "a2", "a3", "a4"]);
  expect(log.filter((one) => one.startsWith("b"))).toEqual(["b0", "b1", "b2", "b3", "b4"]);
  expect(mostRunning).toBe(2);

  stop.abort();
  await clock.advance(60_000);
  await receiving;
  await queue.close();
});

test("messages behind a failed message of their key are released before they run", async () => {
  const clock = new FakeClock();
  const queue = createQueue(unordered(clock), { clock });
  for (const payload of ["head", "second"]) await queue.send("q", { type: "t", payload, orderingKey: "a" });
  const log: string[] = [];
  const stop = new AbortController();
  const receiving = queue.receive(
    "q",
    async ({ payload }, { attempt }) => {
      log.push(`${String(payload)}#${attempt}`);
      if (payload === "head" && attempt === 1) throw new RetryAfterError(5_000);
    },
    { signal: stop.signal },
  );
  await clock.settle();
  await clock.advance(10_000);

  // This driver lets the second message overtake. It was released first, and did not run immediately.
  expect(log[0]).toBe("head#1");
  expect(log).toContain("second#1");
  expect(log).toContain("head#2");

  stop.abort();
  await clock.advance(60_000);
  await receiving;
  await queue.close();
});

test("a receiver polls again after the messages behind failed heads were released", async () => {
  const clock = new FakeClock();
  const driver = unordered(clock);
  const limits = { ...driver.limits, maxReceive: 10, maxReleaseDelayMs: 15 * MINUTE };
  const queue = createQueue({ ...driver, limits }, { clock });
  for (const orderingKey of ["a", "b"]) {
    for (let index = 0; index < 10; index += 1)
      await queue.send("q", { type: "t", payload: `${orderingKey}${index}`, orderingKey });
  }
  const done: unknown[] = [];
  const stop = new AbortController();
  const receiving = queue.receive(
    "q",
    ({ payload }, { attempt }) => {
      // Longer than a release can hide a message, so the receiver holds the head for the remaining time.
      if (attempt === 1 && ["a0", "b0"].includes(String(payload))) throw new RetryAfterError(20 * MINUTE);
      done.push(payload);
    },
    { signal: stop.signal, concurrency: 10 },
  );
  await clock.advance(4 * MINUTE);
  expect(done).toEqual([]);

  await clock.advance(2 * MINUTE);
  expect(done).toHaveLength(18);

  await clock.advance(20 * MINUTE);
  expect(done).toHaveLength(20);

  stop.abort();
  await clock.advance(MINUTE);
  await receiving;
  await queue.close();
});

test("messages behind one that lost its lease are released, so that none overtakes it", () => {
  const log: string[] = [];
  const capacity = new Capacity({ concurrency: 10, maxSettling: 20, keepsOrder: true, random: () => 0 });
  const keys = new KeyQueues({
    capacity,
    start: (run) => void log.push(`run ${run.id}`),
    release: (run) => void log.push(`release ${run.id}`),
  });
  const runs = ["m1", "m2", "m3", "m4"].map(runOf);

  for (const run of runs) keys.enter("a", run);
  keys.remove("a", runs[2]!);
  expect([log, capacity.waitingForKey]).toEqual([["run m1", "release m4"], 1]);

  runs[0]!.left(true);
  runs[1]!.left(true);
  expect([log.slice(2), capacity.waitingForKey]).toEqual([["run m2"], 0]);
});

test("messages behind a head that will be redelivered are released in order, and none of them runs in its place", () => {
  const log: string[] = [];
  const capacity = new Capacity({ concurrency: 10, maxSettling: 20, keepsOrder: true, random: () => 0 });
  const keys = new KeyQueues({
    capacity,
    start: (run) => void log.push(`run ${run.id}`),
    release: (run) => void log.push(`release ${run.id}`),
  });
  const [first, second, third] = ["m1", "m2", "m3"].map((id) => runOf(id)) as [Run, Run, Run];
  for (const run of [first, second, third]) keys.enter("a", run);
  first.left(false);

  expect([log, capacity.waitingForKey]).toEqual([["run m1", "release m2", "release m3"], 0]);

  // The key is free: its next message, which is the first again, is the head.
  keys.enter("a", first);
  expect(log.at(-1)).toBe("run m1");
});

test("messages behind a held head are counted apart, and are released when the head is", () => {
  const released: string[] = [];
  const capacity = new Capacity({ concurrency: 10, maxSettling: 20, keepsOrder: true, random: () => 0 });
  const keys = new KeyQueues({
    capacity,
    start: () => undefined,
    release: (run) => void released.push(run.id),
  });
  const [head, second, third] = ["m1", "m2", "m3"].map((id) => runOf(id)) as [Run, Run, Run];
  keys.enter("a", head);
  keys.enter("a", second);
  head.place?.held();
  keys.enter("a", third);
  expect([capacity.waitingForKey, capacity.waitingForHeld]).toEqual([0, 2]);

  head.left(false);
  expect([capacity.waitingForKey, capacity.waitingForHeld]).toEqual([0, 0]);
  expect(released).toEqual(["m2", "m3"]);
});

test("a drain releases the messages that wait behind a running head of their key at once", async () => {
  const clock = new FakeClock();
  const queue = createQueue(unordered(clock), { clock });
  for (const payload of ["head", "second", "third"])
    await queue.send("q", { type: "t", payload, orderingKey: "a" });
  const [stop, head] = [new AbortController(), new Door()];
  const payloads: unknown[] = [];
  const receiving = queue.receive(
    "q",
    ({ payload }) => {
      payloads.push(payload);
      return head.opened;
    },
    { signal: stop.signal },
  );
  await clock.settle();
  expect(await queue.stats("q")).toMatchObject({ messages: 0, inFlight: 3 });

  stop.abort();
  await clock.settle();
  expect(await queue.stats("q")).toMatchObject({ messages: 2, inFlight: 1 });

  head.open();
  await clock.settle();
  await receiving;
  expect(payloads).toEqual(["head"]);

  await queue.close();
});

test("a release behind other messages costs no attempt, and counts as no crash loop", async () => {
  const clock = new FakeClock();
  const queue = createQueue(unordered(clock), { clock });
  const all = Array.from({ length: 9 }, (_, index) => `m${index}`);
  for (const payload of all) await queue.send("q", { type: "t", payload, orderingKey: "a" });
  const runs = new Map<unknown, number[]>();
  const stop = new AbortController();
  const receiving = queue.receive(
    "q",
    ({ payload }, { attempt }) => {
      runs.set(payload, [...(runs.get(payload) ?? []), attempt]);
      throw new RetryAfterError(0);
    },
    { signal: stop.signal },
  );
  await clock.advance(1_000);
  expect(new Set(runs.keys())).toEqual(new Set(all));
  expect(new Set([...runs.values()].map(String))).toEqual(new Set(["1,2,3,4,5"]));

  const deadLetters = queue.deadLetters("q").list();
  await clock.advance(10_000);
  expect((await deadLetters).map(({ info }) => [info.reason, info.attempts])).toEqual(
    all.map(() => ["max_attempts", 5]),
  );

  stop.abort();
  await clock.advance(60_000);
  await receiving;
  await queue.close();
});

test("a message that arrives after the stop is released without waiting for the running head of its key", async () => {
  const clock = new FakeClock();
  const poll = new Door();
  let fault: ReturnType<FaultRule>;
  const driver = unordered(clock, ({ operation }) => (operation === "receive" ? fault : undefined));
  const queue = createQueue(driver, { clock });
  const [stop, head] = [new AbortController(), new Door()];
  const payloads: unknown[] = [];
  const receiving = queue.receive(
    "q",
    ({ payload }) => {
      payloads.push(payload);
      fault = { kind: "stall", until: poll.opened };
      return head.opened;
    },
    { signal: stop.signal },
  );
  for (const payload of ["head", "second"]) {
    await queue.send("q", { type: "t", payload, orderingKey: "a" });
    await clock.settle();
  }
  stop.abort();
  fault = undefined;
  poll.open();
  await clock.settle();
  expect(await queue.stats("q")).toMatchObject({ messages: 1, inFlight: 1 });

  head.open();
  await clock.settle();
  await receiving;
  expect(payloads).toEqual(["head"]);

  await queue.close();
});
