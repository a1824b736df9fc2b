import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { ReceiveContext } from "../../../src/queue/receive.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import {
  Door,
  Events,
  HOUR,
  MINUTE,
  SECOND,
  QueueFixture,
  type QueueFixtureOptions,
  watch,
} from "../support.ts";

class Fixture extends QueueFixture {
  readonly events: Events = new Events();
  readonly arrivals: { at: number; attempt: number }[] = [];

  constructor(options: QueueFixtureOptions = {}) {
    super({ emulate: "sqs", queues: ["jobs"], ...options });
  }

  receive(signal?: AbortSignal): Promise<void> {
    const onArrival = (_: unknown, { attempt }: ReceiveContext): Promise<void> => {
      this.arrivals.push({ at: this.clock.now(), attempt });
      return Promise.resolve();
    };
    return this.queue.receive("jobs", onArrival, { signal, onEvent: this.events.add });
  }

  async sendDelayed(delayMs: number): Promise<number> {
    await this.queue.sendDelayed("jobs", { type: "mail", payload: {} }, delayMs);
    return this.clock.now() + delayMs;
  }

  /** Number of hops: releases of messages in the delay queue. */
  get hops(): number {
    return this.requests
      .flatMap((point) =>
        point.operation === "settle" && point.queue === "jobs-delay" ? point.operations : [],
      )
      .filter(({ kind }) => kind === "release").length;
  }
}

describe("a delay of three days on a provider whose own delay ends at 15 minutes", () => {
  test.each([0, 0.5, 0.999])(
    "ends on time, once, as the first attempt, after seven hops at most (random %d)",
    async (random) => {
      const fixture = new Fixture({ random: () => random });
      const due = await fixture.sendDelayed(72 * HOUR);
      void fixture.receive();
      await fixture.clock.advance(72 * HOUR - SECOND);
      expect(fixture.arrivals).toEqual([]);
      expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, delayed: 1 });

      await fixture.clock.advance(4 * SECOND);
      expect(fixture.arrivals).toMatchObject([{ attempt: 1 }]);
      expect(fixture.arrivals[0]?.at).toBeGreaterThanOrEqual(due);
      expect(fixture.hops).toBeLessThanOrEqual(7);
      expect(fixture.hops).toBeGreaterThanOrEqual(6);

      await fixture.clock.advance(24 * HOUR);
      expect(fixture.arrivals).toHaveLength(1);
      expect(fixture.events.of("settle_failed")).toEqual([]);
    },
  );

  test("ends as the first attempt if every process stops on the way and none runs at the due time", async () => {
    const clock = new FakeClock();
    const driver = memory({ clock, emulate: "sqs", queues: ["jobs"] });
    const fixture = new Fixture({ clock, driver });
    await fixture.sendDelayed(72 * HOUR);
    for (const awayMs of [HOUR, 30 * HOUR, 60 * HOUR]) {
      const process = new Fixture({ clock, driver });
      const stop = new AbortController();
      const received = watch(process.receive(stop.signal));
      await clock.advance(10 * MINUTE);
      stop.abort();
      await clock.advance(MINUTE);
      expect(received.state).toBe("resolved");
      expect(process.arrivals).toEqual([]);

      await clock.advance(awayMs);
    }

    const last = new Fixture({ clock, driver });
    void last.receive();
    await clock.advance(13 * HOUR);

    expect(last.arrivals).toMatchObject([{ attempt: 1 }]);
  });
});

test("a retry with a longer delay than a release allows waits in the delay queue, as the next attempt", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", {
    type: "mail",
    payload: {},
    backoff: { baseMs: 2 * HOUR, capMs: 2 * HOUR, jitter: false },
  });
  const attempts: [number, number][] = [];
  const start = fixture.clock.now();
  void fixture.queue.receive("jobs", (_, { attempt }) => {
    attempts.push([attempt, fixture.clock.now() - start]);
    return attempt < 2 ? Promise.reject(new Error("no")) : Promise.resolve();
  });
  await fixture.clock.advance(3 * HOUR);

  expect(attempts.map(([attempt]) => attempt)).toEqual([1, 2]);
  expect(attempts[1]?.[1]).toBeGreaterThanOrEqual(2 * HOUR);
  expect(attempts[1]?.[1]).toBeLessThan(2 * HOUR + 3 * SECOND);
});

describe("a hop", () => {
  test("ends within the longest lease, counted from the receipt of the message", async () => {
    const fixture = new Fixture({ random: () => 0 });
    await fixture.sendDelayed(13 * HOUR);
    // The provider takes 2 s to report how crowded the queue is.
    const stats = fixture.driver.stats.bind(fixture.driver);
    fixture.driver.stats = (queue) =>
      new Promise((resolve) => {
        fixture.clock.timer(2 * SECOND, () => resolve(stats(queue)));
      });
    void fixture.receive();
    await fixture.clock.advance(14 * HOUR);

    expect(fixture.events.of("settle_failed")).toEqual([]);
    expect(fixture.arrivals).toHaveLength(1);
  });

  test("is a new copy with the delay of the provider if the queue is crowded", async () => {
    const fixture = new Fixture();
    await fixture.sendDelayed(2 * HOUR);
    const stats = fixture.driver.stats.bind(fixture.driver);
    fixture.driver.stats = async (queue) => ({ ...(await stats(queue)), inFlight: 80_001 });
    void fixture.receive();
    await fixture.clock.advance(2 * HOUR + 4 * SECOND);

    expect(fixture.hops).toBe(0);
    expect(fixture.arrivals).toMatchObject([{ attempt: 1 }]);
  });
});

describe("the delay queue", () => {
  test("keeps a message that could not be moved, and moves it later", async () => {
    const fixture = new Fixture();
    await fixture.sendDelayed(HOUR);
    const full = new DriverError("full", "no room");
    fixture.fault = ({ operation, queue }) =>
      operation === "send" && queue === "jobs" ? { kind: "error", error: full } : undefined;
    void fixture.receive();
    await fixture.clock.advance(HOUR + 10 * SECOND);
    expect(fixture.events.of("settle_failed")).toMatchObject([{ queue: "jobs-delay", operation: "move" }]);
    // Released for half a minute, and not left to its lease.
    const last = fixture.requests.findLast((point) => point.operation === "settle");
    expect(last).toMatchObject({ operations: [{ kind: "release", delayMs: 30_000 }] });

    fixture.fault = () => undefined;
    await fixture.clock.advance(MINUTE);
    expect(fixture.arrivals).toMatchObject([{ attempt: 1 }]);
  });

  test("is looked for again and reported if it is missing, while the queue itself is received", async () => {
    const fixture = new Fixture({ queues: [] });
    await fixture.queue.ensure("jobs");
    fixture.fault = ({ operation, queue }) =>
      operation === "receive" && queue === "jobs-delay"
        ? { kind: "error", error: new DriverError("not_found", "no such queue") }
        : undefined;
    void fixture.receive();
    await fixture.queue.send("jobs", { type: "mail", payload: {} });
    await fixture.clock.advance(130 * SECOND);

    expect(fixture.arrivals).toHaveLength(1);
    expect(fixture.events.of("warning").map(({ code }) => code)).toEqual(
      Array.from({ length: 3 }, () => "delay_queue_unavailable"),
    );
  });

  test("passes on a message whose due time cannot be read", async () => {
    const fixture = new Fixture();
    await fixture.plant("jobs-delay", {
      body: '{"type":"mail","payload":1}',
      attributes: { qp_not_before: "soon" },
    });
    void fixture.receive();
    await fixture.clock.advance(SECOND);

    expect(fixture.arrivals).toHaveLength(1);
  });
});

describe("a message in the delay queue without a due time", () => {
  test("is not moved, is held for a minute at a time, and is reported once a minute", async () => {
    const fixture = new Fixture();
    for (const id of ["m1", "m2"]) {
      const body = JSON.stringify({ id, type: "mail", payload: 1 });
      await fixture.plant("jobs-delay", { body, attributes: { type: "mail" } });
    }
    void fixture.receive();
    await fixture.clock.advance(MINUTE - SECOND);

    expect(fixture.arrivals).toEqual([]);
    expect(fixture.hops).toBe(2);
    const warnings = fixture.events.of("warning");
    expect(warnings.map(({ code }) => code)).toEqual(["delay_queue_foreign"]);
    expect(warnings[0]?.message).toContain('"jobs-delay" of queue "jobs"');
    await fixture.clock.advance(2 * MINUTE);

    expect(fixture.arrivals).toEqual([]);
    expect(fixture.events.of("warning")).toHaveLength(3);
    expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 0, delayed: 2 });
  });

  test("does not hold up one that has a due time", async () => {
    const fixture = new Fixture();
    await fixture.plant("jobs-delay", { body: '{"type":"mail","payload":1}', attributes: {} });
    const due = await fixture.sendDelayed(HOUR);
    void fixture.receive();
    await fixture.clock.advance(HOUR + SECOND);

    expect(fixture.arrivals).toMatchObject([{ attempt: 1 }]);
    expect(fixture.arrivals[0]?.at).toBeGreaterThanOrEqual(due);
  });
});

test("a message that arrives while the pump stops is released, and not left to its lease", async () => {
  const fixture = new Fixture();
  await fixture.sendDelayed(HOUR);
  await fixture.clock.advance(16 * MINUTE);
  const door = new Door();
  fixture.fault = ({ operation, queue }) =>
    operation === "receive" && queue === "jobs-delay" ? { kind: "stall", until: door.opened } : undefined;

  const stop = new AbortController();
  const received = watch(fixture.receive(stop.signal));
  await fixture.clock.advance(SECOND);
  stop.abort();
  await fixture.clock.advance(SECOND);
  door.open();
  await fixture.clock.advance(SECOND);

  expect(received.state).toBe("resolved");
  expect(fixture.hops).toBe(1);
});

test("a receiver that stops during a move acknowledges the moved message, so that it arrives once", async () => {
  const fixture = new Fixture();
  await fixture.sendDelayed(HOUR);
  await fixture.clock.advance(HOUR);
  const door = new Door();
  fixture.fault = ({ operation, queue }) =>
    operation === "send" && queue === "jobs" ? { kind: "stall", until: door.opened } : undefined;

  const stop = new AbortController();
  const received = watch(fixture.receive(stop.signal));
  await fixture.clock.advance(SECOND);
  stop.abort();
  await fixture.clock.advance(SECOND);
  const duringMove = received.state;
  door.open();
  fixture.fault = () => undefined;
  await fixture.clock.advance(SECOND);

  expect([duringMove, received.state]).toEqual(["pending", "resolved"]);
  expect(fixture.events.of("settle_failed")).toEqual([]);
  expect(await fixture.queue.stats("jobs")).toMatchObject({ messages: 1, delayed: 0 });
});
