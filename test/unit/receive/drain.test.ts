import { describe, expect, test } from "vitest";
import type { ReceiveContext } from "../../../src/queue/queue.ts";
import { Door, HOUR, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

test("with nothing under way it ends at once and leaves nothing behind", async () => {
  const bench = new Fixture();
  const received = bench.receive(() => Promise.resolve());
  await bench.clock.settle();
  bench.stop.abort();
  await bench.clock.settle();
  expect(received.state).toBe("resolved");
  expect(bench.clock.pending).toBe(0);
});

test("running handlers finish, nothing new starts, and what waits is handed back at once", async () => {
  const bench = new Fixture();
  await bench.send("slow", "slow", "slow");
  const door = new Door();
  const received = bench.receive(() => door.opened, { concurrencyOf: () => 1 });
  await bench.clock.settle();
  bench.stop.abort();
  await bench.send("late");
  await bench.clock.settle();
  expect(bench.events.of("released")).toMatchObject([{ why: "drain" }, { why: "drain" }]);
  expect(await bench.counts()).toEqual([3, 1, 0, 0]);
  await bench.clock.advance(20 * SECOND);
  expect(received.state).toBe("pending");
  door.open();
  await bench.clock.settle();
  expect(received.state).toBe("resolved");
  expect(bench.events.names).toEqual(["started", "released", "released", "completed"]);
});

test("at the deadline signals abort, and what then fails has not failed: it is given back", async () => {
  const bench = new Fixture();
  await bench.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });
  const contexts: ReceiveContext[] = [];
  const received = bench.receive(
    (_, context) =>
      new Promise((_resolve, reject) => {
        contexts.push(context);
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
      }),
  );
  await bench.clock.settle();
  bench.stop.abort();
  await bench.clock.advance(24_999);
  expect(contexts[0]?.signal.aborted).toBe(false);
  await bench.clock.advance(1);
  expect(contexts[0]?.signal.reason).toMatchObject({ code: "draining" });
  expect(received.state).toBe("resolved");
  expect(bench.events.names).toEqual(["started", "released"]);
  expect(await bench.counts()).toEqual([1, 0, 0, 0]);
});

test("what ignores its signal is released after the grace, and named", async () => {
  const bench = new Fixture();
  await bench.queue.send("jobs", { type: "stuck", id: "job-1", payload: {} });
  const door = new Door();
  const received = bench.receive(() => door.opened, { drainMs: SECOND, graceMs: SECOND });
  await bench.clock.settle();
  bench.stop.abort();
  await bench.clock.advance(1_999);
  expect(received.state).toBe("pending");
  await bench.clock.advance(1);
  expect(received.error).toMatchObject({
    code: "drain_incomplete",
    message: expect.stringContaining("stuck job-1") as string,
  });
  expect(await bench.counts()).toEqual([1, 0, 0, 0]);
  door.open();
  await bench.clock.settle();
  expect(bench.events.names).toEqual(["started", "released", "late"]);
});

test("ten drains in a row do not use up the one attempt: the message still runs", async () => {
  const bench = new Fixture();
  await bench.queue.send("jobs", { type: "mail", id: "m1", payload: {}, maxAttempts: 1 });
  for (const _ of times(10, () => 0)) {
    const stop = new AbortController();
    const door = new Door();
    const received = bench.receive(() => door.opened, { signal: stop.signal, drainMs: 0, graceMs: 0 });
    await bench.clock.settle();
    stop.abort();
    await bench.clock.advance(1);
    expect(received.error).toMatchObject({ code: "drain_incomplete" });
  }
  const ran: string[] = [];
  bench.receive(({ id }) => Promise.resolve(void ran.push(id)));
  await bench.clock.advance(SECOND);
  expect(ran).toEqual(["m1"]);
  expect(await bench.counts()).toEqual([0, 0, 0, 0]);
});

describe("a provider that does not answer", () => {
  test("to the last poll holds up the drain for a bounded time", async () => {
    const bench = new Fixture();
    const never = new Door();
    bench.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: never.opened } : undefined;
    const received = bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    bench.stop.abort();
    await bench.clock.advance(60 * SECOND);
    expect(received.state).toBe("resolved");
  });

  test("to an acknowledgement does too", async () => {
    const bench = new Fixture();
    await bench.send("mail");
    const never = new Door();
    bench.fault = ({ operation }) =>
      operation === "settle" ? { kind: "stall", until: never.opened } : undefined;
    const received = bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    bench.stop.abort();
    await bench.clock.advance(60 * SECOND);
    expect(received.state).toBe("resolved");
    expect(bench.events.of("settle_failed")).toMatchObject([{ operation: "ack", kind: "ambiguous" }]);
  });

  test("when it is asked about the queue does not hold it up at all", async () => {
    const bench = new Fixture();
    bench.driver.describe = () => new Promise(() => {});
    const received = bench.receive(() => Promise.resolve());
    await bench.clock.settle();
    bench.stop.abort();
    await bench.clock.settle();
    expect(received.state).toBe("resolved");
  });

  test("to an extension frees the slot all the same", async () => {
    const bench = new Fixture();
    await bench.send("mail");
    const never = new Door();
    bench.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "extend")
        ? { kind: "stall", until: never.opened }
        : undefined;
    const door = new Door();
    bench.receive(async (_, { attempt }) => {
      if (attempt > 1) return;
      await door.opened;
      throw new Error("no");
    });
    await bench.clock.advance(11 * SECOND);
    door.open();
    await bench.clock.advance(60 * SECOND);
    expect(bench.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await bench.counts()).toEqual([0, 0, 0, 0]);
  });
});

test("what arrives after the stop is handed back, not kept until its lease ends", async () => {
  const bench = new Fixture();
  const door = new Door();
  bench.fault = ({ operation }) =>
    operation === "receive" ? { kind: "stall", until: door.opened } : undefined;
  const received = bench.receive(() => Promise.resolve());
  await bench.clock.settle();
  await bench.send("mail");
  bench.stop.abort();
  await bench.clock.settle();
  bench.fault = () => undefined;
  door.open();
  await bench.clock.settle();
  expect(received.state).toBe("resolved");
  expect(await bench.counts()).toEqual([1, 0, 0, 0]);
  expect(bench.clock.now()).toBeLessThan(Date.UTC(2026, 0, 1) + HOUR);
});

test("a backoff that is waited out here is cut short: its message is given back", async () => {
  const bench = new Fixture({ emulate: "service-bus", queues: [] });
  await bench.queue.ensure("jobs", { ordering: "by_key" });
  await bench.queue.send("jobs", { type: "mail", payload: {}, orderingKey: "k" });
  const received = bench.receive(() => Promise.reject(new Error("no")));
  await bench.clock.advance(100);
  bench.stop.abort();
  await bench.clock.settle();
  expect(received.state).toBe("resolved");
  expect(await bench.counts()).toEqual([1, 0, 0, 0]);
});
