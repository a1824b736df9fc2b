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
  const fixture = new Fixture({ emulate: "sqs" });
  const door = new Door();
  fixture.fault = ({ operation }) =>
    operation === "settle" ? { kind: "stall", until: door.opened } : undefined;
  await Promise.all(times(100, () => fixture.send("mail")));
  let handled = 0;
  fixture.receive(() => void (handled += 1), { concurrency: 30 });
  await fixture.clock.advance(SECOND);
  expect(handled).toBe(60);

  door.open();
  await fixture.clock.advance(SECOND);
  expect(handled).toBe(100);
});

describe("on receipt", () => {
  test.each([
    ["that is no JSON", "{"],
    ["whose id cannot be printed", '{"type":"mail","payload":1,"id":{"toString":1}}'],
  ])("a body %s is dead-lettered as it came, and its neighbours run", async (_, body) => {
    const fixture = new Fixture();
    await fixture.plant("jobs", { body, attributes: { theirs: "x" } });
    await fixture.send("mail");
    fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    expect(fixture.events.of("completed")).toHaveLength(1);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);

    const [deadLetter] = await fixture.peek("jobs-dlq");
    expect(deadLetter).toMatchObject({
      body,
      attributes: { theirs: "x", qp_dlq: expect.stringContaining("malformed") as string },
    });
  });

  test("a message that kills its process each time is dead-lettered as crash_loop, without another run", async () => {
    const fixture = new Fixture();
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 7; delivery += 1) {
      await fixture.peek("jobs");
    }
    let runs = 0;
    fixture.receive(() => Promise.resolve(void (runs += 1)));
    await fixture.clock.settle();

    expect(runs).toBe(0);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "crash_loop" }]);
  });

  test("one delivery less, and it runs", async () => {
    const fixture = new Fixture();
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 6; delivery += 1) await fixture.peek("jobs");
    fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();

    expect(fixture.events.of("completed")).toMatchObject([{ job: { attempt: 6 } }]);
  });

  test("what took so long to arrive that its lease has ended is not run", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    onArrival(fixture, (deliveries) =>
      deliveries.map((one) => (one.deliveryCount === 1 ? { ...one, leaseUntil: fixture.clock.now() } : one)),
    );
    const runs: number[] = [];
    fixture.receive((_, { attempt }) => Promise.resolve(void runs.push(attempt)));
    await fixture.clock.advance(60 * SECOND);

    expect(runs).toEqual([2]);
    expect(fixture.events.of("lease_lost")).toHaveLength(1);
  });

  test("what goes wrong in here costs its own message a delivery, and nothing else", async () => {
    const fixture = new Fixture();
    let isArmed = false;
    class Moody extends PauseController {
      override get paused(): boolean {
        if (!isArmed) return super.paused;
        isArmed = false;
        throw new Error("a mistake");
      }
    }
    onArrival(fixture, (deliveries) => {
      isArmed = deliveries.some(({ deliveryCount }) => deliveryCount === 1);
      return deliveries;
    });
    await fixture.send("bad", "good");
    fixture.receive(() => Promise.resolve(), { pause: new Moody() });
    await fixture.clock.settle();
    expect(fixture.events.of("completed")).toMatchObject([{ job: { type: "good" } }]);
    expect(fixture.events.of("warning")).toMatchObject([{ code: "internal" }]);

    await fixture.clock.advance(60 * SECOND);
    expect(fixture.events.of("completed")).toMatchObject([
      { job: { type: "good" } },
      { job: { type: "bad", attempt: 2 } },
    ]);
  });
});

test("a type whose limit cannot be told has one place, wherever it is asked for, and others are as they were", async () => {
  const fixture = new Fixture();
  await fixture.send("bad", "good", "bad", "good", "bad");
  const doors = times(5, () => new Door());
  let running = 0;
  const ended: string[] = [];
  fixture.receive(
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
  await fixture.clock.settle();
  expect(running).toBe(3);

  for (const door of doors) {
    door.open();
    await fixture.clock.settle();
  }
  expect(ended).toEqual(["bad", "good", "good", "bad", "bad"]);
  expect(fixture.events.of("warning")).toMatchObject([{ code: "concurrency_of" }]);
  expect(await fixture.counts()).toEqual(EMPTY);
});

test("what was handed back where deliveries are not counted has still its first attempt before it", async () => {
  const clock = new FakeClock();
  const fixture = new Fixture({ clock, driver: memory({ clock, uncounted: ["jobs"] }) });
  const pause = new PauseController();
  const attempts: number[] = [];
  fixture.receive(
    (_, { attempt, unknownSince }) => {
      attempts.push(attempt);
      return unknownSince === undefined ? { kind: "unknown_type", delayMs: SECOND } : undefined;
    },
    { pause, allowUncounted: true },
  );
  await fixture.clock.settle();
  for (let back = 0; back < 2; back += 1) {
    // The poll that is open brings it all the same.
    pause.pause();
    if (back === 0) await fixture.send("mail");
    await fixture.clock.settle();
    pause.resume();
    await fixture.clock.settle();
  }
  await fixture.clock.advance(MINUTE);

  expect(attempts).toEqual([1, 1]);
  expect(fixture.events.of("dead_lettered")).toEqual([]);
  expect(await fixture.counts()).toEqual(EMPTY);
});

describe("how a handler ends is told once", () => {
  test("by the promise, and not by what somebody made of its then", async () => {
    const fixture = new Fixture();
    await fixture.send("twice", "after");
    fixture.receive(
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
    await fixture.clock.settle();

    expect(fixture.events.of("completed")).toHaveLength(2);
    expect(await fixture.counts()).toEqual(EMPTY);
  });

  test("also where what it threw cannot be looked at", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    fixture.receive((_, { attempt }) => {
      const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
      revoke();
      if (attempt === 1) throw proxy;
    });
    await fixture.clock.advance(MINUTE);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await fixture.counts()).toEqual(EMPTY);
  });
});

describe("a gate that is closed", () => {
  test("lets nothing start, not even what waits for its type; opened, everything runs", async () => {
    const fixture = new Fixture();
    const pause = new PauseController();
    await fixture.send("slow", "slow", "slow");
    const doors = times(3, () => new Door());
    let runs = 0;
    fixture.receive(
      () => {
        runs += 1;
        return doors[runs - 1]?.opened ?? Promise.resolve();
      },
      { pause, concurrencyOf: () => 1 },
    );
    await fixture.clock.settle();
    expect(runs).toBe(1);

    pause.pause();
    doors[0]?.open();
    await fixture.clock.advance(60 * SECOND);
    expect(runs).toBe(1);

    for (const door of doors) door.open();
    pause.resume();
    await fixture.clock.advance(60 * SECOND);
    expect(runs).toBe(3);
    expect(await fixture.counts()).toEqual(EMPTY);
    expect(fixture.events.of("started").map(({ job }) => job.attempt)).toEqual([1, 1, 1]);
  });
});

test("a copy that cannot be made releases the original, which is never acknowledged", async () => {
  const fixture = new Fixture();
  await fixture.send("mail");
  fixture.fault = ({ operation, queue }) =>
    operation === "send" && queue === "jobs-dlq"
      ? { kind: "error", error: new DriverError("permanent", "no") }
      : undefined;
  const seen: Message[] = [];
  fixture.receive((message) => {
    seen.push(message);
    throw new PermanentError("gone");
  });
  await fixture.clock.advance(29_999);
  expect(fixture.events.of("settle_failed")).toMatchObject([{ operation: "dead_letter" }]);
  expect(fixture.events.of("dead_lettered")).toEqual([]);

  fixture.fault = () => undefined;
  await fixture.clock.advance(1);
  expect(seen).toHaveLength(2);
  expect(await fixture.counts()).toEqual([0, 0, 0, 1]);
});
