import { describe, expect, test } from "vitest";
import type { ReceiveContext } from "../../../src/queue/queue.ts";
import { Door, HOUR, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

test("with nothing under way it ends at once and leaves nothing behind", async () => {
  const fixture = new Fixture();
  const received = fixture.receive(() => Promise.resolve());
  await fixture.clock.settle();
  fixture.stop.abort();
  await fixture.clock.settle();

  expect(received.state).toBe("resolved");
  expect(fixture.clock.pending).toBe(0);
});

test("running handlers finish, nothing new starts, and what waits is handed back at once", async () => {
  const fixture = new Fixture();
  await fixture.send("slow", "slow", "slow");
  const door = new Door();
  const received = fixture.receive(() => door.opened, { concurrencyOf: () => 1 });
  await fixture.clock.settle();
  fixture.stop.abort();
  await fixture.send("late");
  await fixture.clock.settle();
  expect(fixture.events.of("released")).toMatchObject([{ why: "drain" }, { why: "drain" }]);
  expect(await fixture.counts()).toEqual([3, 1, 0, 0]);

  await fixture.clock.advance(20 * SECOND);
  expect(received.state).toBe("pending");

  door.open();
  await fixture.clock.settle();
  expect(received.state).toBe("resolved");
  expect(fixture.events.names).toEqual(["started", "released", "released", "completed"]);
});

test("at the deadline signals abort, and what then fails has not failed: it is given back", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 1 });
  const contexts: ReceiveContext[] = [];
  const received = fixture.receive(
    (_, context) =>
      new Promise((_resolve, reject) => {
        contexts.push(context);
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error));
      }),
  );
  await fixture.clock.settle();
  fixture.stop.abort();
  await fixture.clock.advance(24_999);
  expect(contexts[0]?.signal.aborted).toBe(false);

  await fixture.clock.advance(1);
  expect(contexts[0]?.signal.reason).toMatchObject({ code: "draining" });
  expect(received.state).toBe("resolved");
  expect(fixture.events.names).toEqual(["started", "released"]);
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
});

test("what ignores its signal is released after the grace, and named", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { type: "stuck", id: "job-1", payload: {} });
  const door = new Door();
  const received = fixture.receive(() => door.opened, { drainMs: SECOND, graceMs: SECOND });
  await fixture.clock.settle();
  fixture.stop.abort();
  await fixture.clock.advance(1_999);
  expect(received.state).toBe("pending");

  await fixture.clock.advance(1);
  expect(received.error).toMatchObject({
    code: "drain_incomplete",
    message: expect.stringContaining("stuck job-1") as string,
  });
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);

  door.open();
  await fixture.clock.settle();
  expect(fixture.events.names).toEqual(["started", "released", "late"]);
});

test("ten drains in a row do not use up the one attempt: the message still runs", async () => {
  const fixture = new Fixture();
  await fixture.queue.send("jobs", { type: "mail", id: "m1", payload: {}, maxAttempts: 1 });
  for (const _ of times(10, () => 0)) {
    const stop = new AbortController();
    const door = new Door();
    const received = fixture.receive(() => door.opened, { signal: stop.signal, drainMs: 0, graceMs: 0 });
    await fixture.clock.settle();
    stop.abort();
    await fixture.clock.advance(1);
    expect(received.error).toMatchObject({ code: "drain_incomplete" });
  }
  const ran: string[] = [];
  fixture.receive(({ id }) => Promise.resolve(void ran.push(id)));
  await fixture.clock.advance(SECOND);

  expect(ran).toEqual(["m1"]);
  expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
});

describe("a provider that does not answer", () => {
  test("to the last poll holds up the drain for a bounded time", async () => {
    const fixture = new Fixture();
    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: never.opened } : undefined;
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(60 * SECOND);

    expect(received.state).toBe("resolved");
  });

  test("to an acknowledgement does too", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "settle" ? { kind: "stall", until: never.opened } : undefined;
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(60 * SECOND);

    expect(received.state).toBe("resolved");
    expect(fixture.events.of("settle_failed")).toMatchObject([{ operation: "ack", kind: "ambiguous" }]);
  });

  test("when it is asked about the queue does not hold it up at all", async () => {
    const fixture = new Fixture();
    fixture.driver.describe = () => new Promise(() => {});
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.settle();

    expect(received.state).toBe("resolved");
  });

  test("to an extension frees the slot all the same", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const never = new Door();
    fixture.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "extend")
        ? { kind: "stall", until: never.opened }
        : undefined;
    const door = new Door();
    fixture.receive(async (_, { attempt }) => {
      if (attempt > 1) return;
      await door.opened;
      throw new Error("no");
    });
    await fixture.clock.advance(11 * SECOND);
    door.open();
    await fixture.clock.advance(60 * SECOND);

    expect(fixture.events.names).toEqual(["started", "failed", "retrying", "started", "completed"]);
    expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
  });
});

test("what arrives after the stop is handed back, not kept until its lease ends", async () => {
  const fixture = new Fixture();
  const door = new Door();
  fixture.fault = ({ operation }) =>
    operation === "receive" ? { kind: "stall", until: door.opened } : undefined;
  const received = fixture.receive(() => Promise.resolve());
  await fixture.clock.settle();
  await fixture.send("mail");
  fixture.stop.abort();
  await fixture.clock.settle();
  fixture.fault = () => undefined;
  door.open();
  await fixture.clock.settle();

  expect(received.state).toBe("resolved");
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  expect(fixture.clock.now()).toBeLessThan(Date.UTC(2026, 0, 1) + HOUR);
});

test("a backoff that is waited out here is cut short: its message is given back", async () => {
  const fixture = new Fixture({ emulate: "service-bus", queues: [] });
  await fixture.queue.ensure("jobs", { ordering: "by_key" });
  await fixture.queue.send("jobs", { type: "mail", payload: {}, orderingKey: "k" });
  const received = fixture.receive(() => Promise.reject(new Error("no")));
  await fixture.clock.advance(100);
  fixture.stop.abort();
  await fixture.clock.settle();

  expect(received.state).toBe("resolved");
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
});
