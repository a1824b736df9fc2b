import { describe, expect, test } from "vitest";
import type { ReceiveContext } from "../../../src/queue/receive.ts";
import { Door, HOUR, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

test("a drain without jobs ends immediately and leaves no timer behind", async () => {
  const fixture = new Fixture();
  const received = fixture.receive(() => Promise.resolve());
  await fixture.clock.settle();
  fixture.stop.abort();
  await fixture.clock.settle();

  expect(received.state).toBe("resolved");
  expect(fixture.clock.pending).toBe(0);
});

test("a drain lets running handlers finish, and releases waiting messages immediately", async () => {
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

test("a handler that rejects after its signal aborted at the end of the drain costs no attempt", async () => {
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
  await fixture.clock.advance(19_999);
  expect(contexts[0]?.signal.aborted).toBe(false);

  await fixture.clock.advance(1);
  expect(contexts[0]?.signal.reason).toMatchObject({ code: "draining" });
  expect(received.state).toBe("resolved");
  expect(fixture.events.names).toEqual(["started", "released"]);
  expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
});

test("a job that ignores its signal is released after the grace period, and named in the error", async () => {
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

test("a message with one attempt still runs after ten drains", async () => {
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

describe("a drain", () => {
  test("ends within 28 s if the provider does not answer the last poll", async () => {
    const fixture = new Fixture();
    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: never.opened } : undefined;
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(28 * SECOND);

    expect(received.state).toBe("resolved");
    expect(fixture.events.of("warning")).toMatchObject([{ code: "drain_unconfirmed" }]);
  });

  test("ends within 28 s if the provider does not answer an acknowledgement", async () => {
    const fixture = new Fixture();
    await fixture.send("mail");
    const never = new Door();
    fixture.fault = ({ operation }) =>
      operation === "settle" ? { kind: "stall", until: never.opened } : undefined;
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(28 * SECOND);

    expect(received.state).toBe("resolved");
    expect(fixture.events.of("warning")).toMatchObject([{ code: "drain_unconfirmed" }]);
  });

  test("ends within 28 s if a handler ignores its signal and the provider does not answer any more", async () => {
    const fixture = new Fixture({ emulate: "sqs" });
    await fixture.send("mail");
    const never = new Door();
    const received = fixture.receive(() => never.opened);
    await fixture.clock.settle();
    fixture.fault = () => ({ kind: "stall", until: never.opened });
    fixture.stop.abort();
    await fixture.clock.advance(24 * SECOND);
    expect(received.state).toBe("pending");

    await fixture.clock.advance(4 * SECOND);
    expect(received.error).toMatchObject({ code: "drain_incomplete" });
  });

  test("waits for the last poll also if drain and grace are short, since its messages would stay leased", async () => {
    const fixture = new Fixture({ emulate: "sqs" });
    const door = new Door();
    fixture.fault = ({ operation }) =>
      operation === "receive" ? { kind: "stall", until: door.opened } : undefined;
    const received = fixture.receive(() => Promise.resolve(), { drainMs: 0, graceMs: 0 });
    await fixture.clock.settle();
    await fixture.send("mail");
    fixture.stop.abort();
    await fixture.clock.advance(19 * SECOND);
    fixture.fault = () => undefined;
    door.open();
    await fixture.clock.settle();

    expect(received.state).toBe("resolved");
    expect(await fixture.counts()).toEqual([1, 0, 0, 0]);
  });

  test("ends although the source does not close", async () => {
    const fixture = new Fixture();
    const open = fixture.driver.open.bind(fixture.driver);
    const close = (): Promise<void> => new Promise(() => {});
    fixture.driver.open = (queue, options) => Object.assign(open(queue, options), { close });
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.advance(SECOND);

    expect(received.state).toBe("resolved");
  });

  test("ends immediately if the provider has not described the queue yet", async () => {
    const fixture = new Fixture();
    fixture.driver.describe = () => new Promise(() => {});
    const received = fixture.receive(() => Promise.resolve());
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.settle();

    expect(received.state).toBe("resolved");
  });
});

test("a message that arrives after the stop is released before its lease ends", async () => {
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

test("a drain releases a message whose backoff is waited out in this process", async () => {
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
