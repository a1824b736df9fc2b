import { describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/driver/contract.ts";
import { PauseController } from "../../../src/lib/pause.ts";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import type { ManagedQueue } from "../../../src/queue/managed-receive.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

/** Passes the deliveries of every poll through `change`. */
function onArrival({ driver }: Fixture, change: (deliveries: Delivery[]) => Delivery[]): void {
  const open = driver.open.bind(driver);
  driver.open = (queue, options) => {
    const source = open(queue, options);
    const next = source.next.bind(source);
    source.next = async (max, signal) => change(await next(max, signal));
    return source;
  };
}

describe("an arriving message", () => {
  test.each([
    ["that is not JSON", "{"],
    ["whose id cannot be printed", '{"type":"mail","payload":1,"id":{"toString":1}}'],
  ])("is dead-lettered unchanged if it has a body %s, and other messages run", async (_, body) => {
    const fixture = new Fixture();
    await fixture.plant("jobs", { body, attributes: { theirs: "x" } });
    await fixture.send("mail");
    fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    expect(fixture.events.of("completed")).toHaveLength(1);
    // No run failed, so there is no event of one.
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "malformed" }]);
    expect(fixture.events.of("failed")).toEqual([]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 1]);

    const [deadLetter] = await fixture.peek("jobs-dlq");
    expect(deadLetter).toMatchObject({
      body,
      attributes: { theirs: "x", qp_dlq: expect.stringContaining("malformed") as string },
    });
  });

  test("for another receiver is acknowledged without a run, and reported", async () => {
    const fixture = new Fixture();
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = async (queue) => ({ ...(await describeQueue(queue)), target: "billing" });
    for (const target of ["billing", "stock"]) {
      const body = JSON.stringify({ id: target, type: "mail", payload: 1 });
      await fixture.plant("jobs", { body, attributes: { qp_target: target } });
    }
    fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();

    expect(fixture.events.of("completed").map(({ job }) => job.id)).toEqual(["billing"]);
    expect(fixture.events.of("skipped")).toMatchObject([{ queue: "jobs", id: "stock", target: "stock" }]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });

  test("for another receiver is acknowledged during a pause as well, and not released by a copy", async () => {
    const fixture = new Fixture({ emulate: "sqs" });
    await fixture.queue.ensure("jobs");
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = async (queue) => ({ ...(await describeQueue(queue)), target: "billing" });
    const pause = new PauseController();
    const runs: string[] = [];
    fixture.receive(({ id }) => void runs.push(id), { pause });
    await fixture.clock.advance(1_000);
    // The poll that began before the pause is under way.
    pause.pause();
    const body = JSON.stringify({ id: "stock", type: "mail", payload: 1 });
    await fixture.plant("jobs", { body, attributes: { qp_target: "stock" } });
    await fixture.clock.advance(1_000);
    pause.resume();
    await fixture.clock.advance(60_000);

    expect([runs, await fixture.counts()]).toEqual([[], [0, 0, 0, 0]]);
    expect(fixture.events.of("skipped")).toMatchObject([{ id: "stock", target: "stock" }]);
  });

  test("is dead-lettered as crash_loop without another run if it was delivered too often", async () => {
    const fixture = new Fixture();
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 7; delivery += 1) await fixture.peek("jobs");
    let runs = 0;
    fixture.receive(() => Promise.resolve(void (runs += 1)));
    await fixture.clock.settle();

    expect(runs).toBe(0);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "crash_loop" }]);
  });

  test("runs if it was delivered once less than a crash loop requires", async () => {
    const fixture = new Fixture();
    await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
    for (let delivery = 1; delivery < 6; delivery += 1) await fixture.peek("jobs");
    fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();

    expect(fixture.events.of("completed")).toMatchObject([{ job: { attempt: 6 } }]);
  });

  test("does not run if its lease ended before it arrived", async () => {
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

  test("is redelivered after an internal error, which does not affect other messages", async () => {
    const fixture = new Fixture();
    let isArmed = false;
    class Faulty extends PauseController {
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
    fixture.receive(() => Promise.resolve(), { pause: new Faulty() });
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

test("a receiver keeps every slot when the leases of thousands of waiting runs have ended", async () => {
  const slots = 3_000;
  const fake = new FakeClock();
  let skewMs = 0;
  const clock: Clock = {
    now: () => fake.now() + skewMs,
    monotonic: () => fake.monotonic() + skewMs,
    timer: (ms, run, keep) => fake.timer(ms, run, keep),
  };
  const queue = createQueue(memory({ clock })) as ManagedQueue;
  const pause = new PauseController();
  const stop = new AbortController();
  const doors: (() => void)[] = [];
  let running = 0;
  const handler = (): Promise<void> => {
    running += 1;
    return new Promise((resolve) => {
      doors.push(() => {
        running -= 1;
        resolve();
      });
    });
  };
  const options = { concurrency: slots + 10, concurrencyOf: () => slots, pause, signal: stop.signal };
  const received = queue.receiveManaged("jobs", handler, options);
  const send = (): void => {
    for (let count = 0; count < 2 * slots; count += 1) void queue.send("jobs", { type: "mail", payload: 1 });
  };
  send();
  await fake.advance(10);
  pause.pause();
  for (const open of doors.splice(0)) open();
  await fake.settle();

  skewMs = 60_000; // The event loop stood still for longer than a lease.
  pause.resume();
  await fake.advance("5m");

  expect(running).toBe(slots);
  stop.abort();
  for (const open of doors.splice(0)) open();
  await fake.until(received);
  await queue.close();
});

test("a handler is called without a receiver of its own as `this`", async () => {
  const fixture = new Fixture();
  const seen: unknown[] = [];
  fixture.receive(function handler(this: unknown) {
    seen.push(this);
  });

  await fixture.send("mail");
  await fixture.clock.settle();

  expect(seen).toEqual([undefined]);
});

test("a receiver whose source cannot be opened leaves no listener on the pause", async () => {
  const fixture = new Fixture();
  const pause = new PauseController();
  let listeners = 0;
  const onResume = pause.onResume.bind(pause);
  pause.onResume = (listener) => {
    listeners += 1;
    return onResume(listener);
  };
  fixture.driver.open = () => {
    throw new Error("cannot open");
  };

  const received = fixture.receive(() => undefined, { pause });
  await fixture.clock.settle();

  expect([received.state, listeners]).toEqual(["rejected", 0]);
});
