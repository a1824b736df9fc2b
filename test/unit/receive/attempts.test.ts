import { describe, expect, test } from "vitest";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Disposition } from "../../../src/queue/disposition.ts";
import type { ReceiveContext } from "../../../src/queue/receive.ts";
import { Door, MINUTE, SECOND } from "../support.ts";
import { Fixture } from "./fixture.ts";

interface Case {
  readonly provider: EmulatedProvider | undefined;
  readonly ordering: "none" | "by_key";
}

const CASES: Case[] = [undefined, "sqs" as const, "pubsub" as const, "service-bus" as const].flatMap(
  (provider) => [
    { provider, ordering: "none" as const },
    { provider, ordering: "by_key" as const },
  ],
);

/** A queue with one message, in the order that the case asks for. */
async function open({ provider, ordering }: Case, maxAttempts: number): Promise<Fixture> {
  const name = provider === "sqs" && ordering === "by_key" ? "jobs.fifo" : "jobs";
  const fixture = new Fixture({ ...(provider !== undefined && { emulate: provider }), queues: [], name });
  await fixture.queue.ensure(name, { ordering, maxAttempts });
  const orderingKey = ordering === "by_key" ? "key" : undefined;
  await fixture.queue.send(name, { type: "long", payload: {}, maxAttempts, orderingKey });
  return fixture;
}

/** Receives the message, and drains while its run goes on, until its signal aborts. */
async function drainOnce(fixture: Fixture): Promise<void> {
  const stop = new AbortController();
  let started = false;
  const received = fixture.receive(
    (_, { signal }: ReceiveContext) => {
      started = true;
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    },
    { signal: stop.signal, drainMs: SECOND, graceMs: SECOND },
  );
  await fixture.clock.advance(30 * SECOND);
  expect(started).toBe(true);
  stop.abort();
  await fixture.clock.advance(30 * SECOND);
  expect(received.state).toBe("resolved");
}

describe.each(CASES)("on $provider with order $ordering", (each) => {
  test("a job that two drains gave back, and that fails once after that, is retried", async () => {
    const fixture = await open(each, 3);
    await drainOnce(fixture);
    await drainOnce(fixture);
    let runs = 0;
    fixture.receive(() => {
      runs += 1;
      if (runs === 1) throw new Error("the first real failure");
    });
    await fixture.clock.advance(5 * MINUTE);

    expect(fixture.events.of("dead_lettered")).toEqual([]);
    expect([runs, fixture.events.of("completed").length]).toEqual([2, 1]);
  });

  test("a job that fails on every run is dead-lettered after maxAttempts of them, whatever the drains before", async () => {
    const fixture = await open(each, 3);
    await drainOnce(fixture);
    await drainOnce(fixture);
    let runs = 0;
    fixture.receive(() => {
      runs += 1;
      throw new Error("no");
    });
    await fixture.clock.advance(5 * MINUTE);

    expect(runs).toBe(3);
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
  });

  test("a deployment a minute for an hour does not dead-letter a long job", async () => {
    const fixture = await open(each, 2);
    for (let drains = 0; drains < 60; drains += 1) await drainOnce(fixture);
    let runs = 0;
    fixture.receive(() => {
      runs += 1;
      if (runs === 1) throw new Error("the first real failure");
    });
    await fixture.clock.advance(5 * MINUTE);

    expect(fixture.events.of("dead_lettered")).toEqual([]);
    expect([runs, fixture.events.of("completed").length]).toEqual([2, 1]);
  });

  test("a release by the handler counts no attempt", async () => {
    const fixture = await open(each, 2);
    const attempts: number[] = [];
    fixture.receive((_, { attempt }): Disposition | undefined => {
      attempts.push(attempt);
      if (attempts.length <= 20) return { kind: "release" };
      if (attempts.length === 21) throw new Error("the first real failure");
      return undefined;
    });
    await fixture.clock.advance(5 * MINUTE);

    expect(attempts).toEqual([...Array<number>(21).fill(1), 2]);
    expect(fixture.events.of("completed")).toHaveLength(1);
  });
});

test("two receivers of an ordered queue together run a job that always fails maxAttempts times", async () => {
  const fixture = new Fixture({ emulate: "sqs", queues: [], name: "jobs.fifo" });
  await fixture.queue.ensure("jobs.fifo", { ordering: "by_key" });
  const runs: string[] = [];
  for (const receiver of ["a", "b"]) {
    fixture.receive(() => {
      runs.push(receiver);
      throw new Error("no");
    });
  }
  await fixture.clock.advance(SECOND);
  await fixture.queue.send("jobs.fifo", { type: "mail", payload: {}, orderingKey: "k", maxAttempts: 4 });
  await fixture.clock.advance(5 * MINUTE);

  expect(new Set(runs).size).toBe(2);
  expect(runs).toHaveLength(4);
  expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
});

test("doubt about earlier deliveries ends before a job that always fails looks like a crash loop", async () => {
  const fixture = await open({ provider: "sqs", ordering: "by_key" }, 2);
  let runs = 0;
  while (fixture.events.of("dead_lettered").length === 0 && runs < 50) {
    // Each receiver sees one run fail, and ends.
    const stop = new AbortController();
    fixture.receive(
      () => {
        runs += 1;
        stop.abort();
        throw new Error("no");
      },
      { signal: stop.signal },
    );
    await fixture.clock.advance(10 * MINUTE);
  }

  // The guard would act on the next delivery, at maxAttempts + 25.
  expect(runs).toBe(26);
  expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "max_attempts" }]);
});

test("a message that drains released before its run has used up no attempt", async () => {
  const fixture = new Fixture();
  for (const type of ["busy", "waits"])
    await fixture.queue.send("jobs", { type, payload: {}, maxAttempts: 2 });
  const runs: [string, number][] = [];
  for (let drains = 0; drains < 10; drains += 1) {
    const stop = new AbortController();
    const door = new Door();
    // The first message takes the only slot of all types, so the other one waits.
    fixture.receive(({ type }) => (type === "busy" ? door.opened : void runs.push([type, -1])), {
      signal: stop.signal,
      concurrencyOf: (type) => (type === "busy" ? 1 : 0),
      drainMs: 0,
      graceMs: 0,
    });
    await fixture.clock.settle();
    stop.abort();
    await fixture.clock.advance(SECOND);
    door.open();
  }
  fixture.receive(({ type }, { attempt }) => {
    runs.push([type, attempt]);
    if (attempt === 1) throw new Error("the first real failure");
  });
  await fixture.clock.advance(MINUTE);

  expect(runs.map(String).toSorted()).toEqual(["busy,1", "busy,2", "waits,1", "waits,2"]);
});

test("a released message whose copy the provider refuses is released in place, and this receiver counts no attempt", async () => {
  const fixture = new Fixture({ emulate: "sqs" });
  await fixture.queue.send("jobs", { type: "mail", payload: {}, maxAttempts: 2 });
  fixture.fault = ({ operation }) =>
    operation === "send" ? { kind: "error", error: new DriverError("auth", "no") } : undefined;
  const attempts: number[] = [];
  fixture.receive((_, { attempt }): Disposition => {
    attempts.push(attempt);
    return attempts.length < 4 ? { kind: "release" } : { kind: "ack" };
  });
  await fixture.clock.advance(MINUTE);

  expect(attempts).toEqual([1, 1, 1, 1]);
  expect(await fixture.counts()).toEqual([0, 0, 0, 0]);
});
