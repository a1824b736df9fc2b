import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { PermanentError } from "../../../src/errors.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import type { Message } from "../../../src/message/message.ts";
import type { Delivery } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, MINUTE, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

const EMPTY = [0, 0, 0, 0];

/** Has what polls bring pass through `change`. */
function onArrival({ driver }: Fixture, change: (deliveries: Delivery[]) => Delivery[]): void {
  const open = driver.open.bind(driver);
  driver.open = (queue, options) => {
    const source = open(queue, options);
    const next = source.next.bind(source);
    source.next = async (max, signal) => change(await next(max, signal));
    return source;
  };
}

test("while nothing is confirmed, twice as many messages as there are slots are handled, and no more", async () => {
  const bench = new Fixture({ emulate: "sqs" });
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
    const bench = new Fixture();
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
    const bench = new Fixture();
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
    const bench = new Fixture();
    await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 6; delivery += 1) await bench.peek("jobs");
    bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    expect(bench.events.of("completed")).toMatchObject([{ job: { attempt: 6 } }]);
  });

  test("what took so long to arrive that its lease has ended is not run", async () => {
    const bench = new Fixture();
    await bench.send("mail");
    onArrival(bench, (deliveries) =>
      deliveries.map((one) => (one.deliveryCount === 1 ? { ...one, leaseUntil: bench.clock.now() } : one)),
    );
    const runs: number[] = [];
    bench.receive((_, { attempt }) => Promise.resolve(void runs.push(attempt)));
    await bench.clock.advance(60 * SECOND);
    expect(runs).toEqual([2]);
    expect(bench.events.of("lease_lost")).toHaveLength(1);
  });

  test("what goes wrong in here costs its own message a delivery, and nothing else", async () => {
    const bench = new Fixture();
    let isArmed = false;
    class Moody extends PauseController {
      override get paused(): boolean {
        if (!isArmed) return super.paused;
        isArmed = false;
        throw new Error("a mistake");
      }
    }
    onArrival(bench, (deliveries) => {
      isArmed = deliveries.some(({ deliveryCount }) => deliveryCount === 1);
      return deliveries;
    });
    await bench.send("bad", "good");
    bench.receive(() => Promise.resolve(), { pause: new Moody() });
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

test("a type whose limit cannot be told has one place, wherever it is asked for, and others are as they were", async () => {
  const bench = new Fixture();
  await bench.send("bad", "good", "bad", "good", "bad");
  const doors = times(5, () => new Door());
  let running = 0;
  const ended: string[] = [];
  bench.receive(
    async ({ type }) => {
      running += 1;
      await doors[running - 1]?.opened;
      ended.push(type);
    },
    {
      concurrencyOf: (type) => {
        if (type === "bad") throw new Error("a mistake");
        return undefined;
      },
    },
  );
  await bench.clock.settle();
  expect(running).toBe(3);
  for (const door of doors) {
    door.open();
    await bench.clock.settle();
  }
  expect(ended).toEqual(["bad", "good", "good", "bad", "bad"]);
  expect(bench.events.of("warning")).toMatchObject([{ code: "concurrency_of" }]);
  expect(await bench.counts()).toEqual(EMPTY);
});

test("what was handed back where deliveries are not counted has still its first attempt before it", async () => {
  const clock = new FakeClock();
  const bench = new Fixture({ clock, driver: memory({ clock, uncounted: ["jobs"] }) });
  const pause = new PauseController();
  const attempts: number[] = [];
  bench.receive(
    (_, { attempt, unknownSince }) => {
      attempts.push(attempt);
      return unknownSince === undefined ? { kind: "unknown_type", delayMs: SECOND } : undefined;
    },
    { pause, allowUncounted: true },
  );
  await bench.clock.settle();
  for (let back = 0; back < 2; back += 1) {
    // The poll that is open brings it all the same.
    pause.pause();
    if (back === 0) await bench.send("mail");
    await bench.clock.settle();
    pause.resume();
    await bench.clock.settle();
  }
  await bench.clock.advance(MINUTE);
  expect(attempts).toEqual([1, 1]);
  expect(bench.events.of("dead_lettered")).toEqual([]);
  expect(await bench.counts()).toEqual(EMPTY);
});

describe("how a handler ends is told once", () => {
  test("by the promise, and not by what somebody made of its then", async () => {
    const bench = new Fixture();
    await bench.send("twice", "after");
    bench.receive(
      ({ type }) => {
        const done = Promise.resolve();
        if (type === "after") return done;
        return Object.assign(done, {
          // oxlint-disable-next-line unicorn/no-thenable -- that it has one is the point
          then: (resolve: () => void) => {
            resolve();
            resolve();
          },
        });
      },
      { concurrency: 1 },
    );
    await bench.clock.settle();
    expect(bench.events.of("completed")).toHaveLength(2);
    expect(await bench.counts()).toEqual(EMPTY);
  });

  test("also where what it threw cannot be looked at", async () => {
    const bench = new Fixture();
    await bench.send("mail");
    bench.receive((_, { attempt }) => {
      const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
      revoke();
      if (attempt === 1) throw proxy;
    });
    await bench.clock.advance(MINUTE);
    expect(bench.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await bench.counts()).toEqual(EMPTY);
  });
});

describe("a gate that is closed", () => {
  test("lets nothing start, not even what waits for its type; opened, everything runs", async () => {
    const bench = new Fixture();
    const pause = new PauseController();
    await bench.send("slow", "slow", "slow");
    const doors = times(3, () => new Door());
    let runs = 0;
    bench.receive(
      () => {
        runs += 1;
        return doors[runs - 1]?.opened ?? Promise.resolve();
      },
      { pause, concurrencyOf: () => 1 },
    );
    await bench.clock.settle();
    expect(runs).toBe(1);
    pause.pause();
    doors[0]?.open();
    await bench.clock.advance(60 * SECOND);
    expect(runs).toBe(1);
    for (const door of doors) door.open();
    pause.resume();
    await bench.clock.advance(60 * SECOND);
    expect(runs).toBe(3);
    expect(await bench.counts()).toEqual(EMPTY);
    expect(bench.events.of("started").map(({ job }) => job.attempt)).toEqual([1, 1, 1]);
  });
});

test("a copy that cannot be made releases the original, which is never acknowledged", async () => {
  const bench = new Fixture();
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
