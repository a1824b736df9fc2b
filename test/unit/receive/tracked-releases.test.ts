import { describe, expect, test } from "vitest";
import type { EmulatedProvider } from "../../../adapters/memory/index.ts";
import type { RunClaim } from "../../../src/queue/tracker.ts";
import { HOUR, MINUTE, SECOND } from "../support.ts";
import { TrackedFixture } from "./tracked-fixture.ts";

const later = (delayMs: number): RunClaim => ({
  run: false,
  disposition: { kind: "release", delayMs, why: "store" },
});
const failing = (): never => {
  throw new Error("no");
};

/** A fixture whose queue keeps order, as it does at this provider. */
async function ordered(emulate: EmulatedProvider, maxAttempts: number): Promise<TrackedFixture> {
  const name = emulate === "sqs" ? "jobs.fifo" : "jobs";
  const fixture = new TrackedFixture({ emulate, queues: [], name });
  await fixture.queue.ensure(name, { ordering: "by_key", maxAttempts });
  return fixture;
}

describe.each(["sqs", "pubsub", "service-bus"] as const)("on a queue of %s that keeps order", (emulate) => {
  test("a job that waited for its store for an hour keeps its place, its attempts, and is no crash loop", async () => {
    const fixture = await ordered(emulate, 3);
    const { name, clock, queue } = fixture;
    const message = { type: "mail", payload: {}, orderingKey: "key", maxAttempts: 3 };
    await queue.send(name, { ...message, id: "first" });
    await queue.send(name, { ...message, id: "second" });
    fixture.tracker.onClaim = () => later(MINUTE);
    fixture.tracked(failing, { backoff: { baseMs: 10, jitter: false } });
    await clock.advance(HOUR);
    expect(fixture.runs).toEqual([]);
    expect(fixture.events.of("dead_lettered")).toEqual([]);

    let attempt = 0;
    fixture.tracker.onClaim = ({ message: { id } }) => {
      attempt = id === "first" ? attempt + 1 : 1;
      return { run: true, attempt };
    };
    await clock.advance(2 * MINUTE);
    expect(fixture.runs.slice(0, 4)).toEqual(["first 1", "first 2", "first 3", "second 1"]);
    expect(fixture.events.of("warning")).toEqual([]);
  });

  test("a release does not look like a failure to this process when the store leaves the count to the broker", async () => {
    const fixture = await ordered(emulate, 2);
    let claims = 0;
    fixture.tracker.onClaim = () => {
      claims += 1;
      return claims <= 5 ? later(SECOND) : { run: true, attempt: undefined };
    };
    await fixture.begin("a", undefined, { orderingKey: "key", maxAttempts: 2 });
    await fixture.clock.advance(30 * SECOND);

    expect(fixture.runs).toEqual(["a 1"]);
  });
});

test("an ordered message is replaced before the broker's limit of deliveries would dead-letter it", async () => {
  const fixture = await ordered("sqs", 3);
  fixture.tracker.onClaim = () => later(10 * SECOND);
  await fixture.begin("a", undefined, { orderingKey: "key" });
  await fixture.clock.advance(20 * MINUTE);
  expect(fixture.events.of("warning")).toMatchObject([{ code: "order_lost" }]);
  expect((await fixture.counts())[3]).toBe(0);

  fixture.tracker.onClaim = () => ({ run: true, attempt: 1 });
  await fixture.clock.advance(MINUTE);
  expect(fixture.runs).toEqual(["a 1"]);
});

test("an ordered message that is replaced before a broker's limit of 3 deliveries comes back after its delay", async () => {
  const name = "jobs.fifo";
  const fixture = new TrackedFixture({ emulate: "sqs", queues: [], name });
  await fixture.queue.ensure(name, { ordering: "by_key" });
  await fixture.driver.admin?.ensure(name, { ordering: "by_key", brokerMaxDeliveries: 3, leaseMs: 30_000 });
  let claims = 0;
  fixture.tracker.onClaim = () => {
    claims += 1;
    return later(MINUTE);
  };
  await fixture.begin("a", undefined, { orderingKey: "key" });
  await fixture.clock.advance(10 * MINUTE + SECOND);
  expect(claims).toBeGreaterThanOrEqual(10);
  expect(claims).toBeLessThanOrEqual(12);
  expect(fixture.events.of("dead_lettered")).toEqual([]);
});

test("a message without order that is released again and again keeps its attempts", async () => {
  const fixture = new TrackedFixture({ emulate: "sqs" });
  let claims = 0;
  fixture.tracker.onClaim = () => {
    claims += 1;
    return claims <= 40 ? later(MINUTE) : { run: true, attempt: undefined };
  };
  await fixture.begin("a", undefined, { maxAttempts: 1 });
  await fixture.clock.advance(HOUR);

  expect(fixture.runs).toEqual(["a 1"]);
  expect(fixture.events.of("dead_lettered")).toEqual([]);
});

test.each([Number.NaN, -5, 0])("a release after %s ms is a release at once", async (delayMs) => {
  const fixture = new TrackedFixture();
  let claims = 0;
  fixture.tracker.onClaim = () => {
    claims += 1;
    return claims === 1 ? later(delayMs) : { run: true, attempt: 1 };
  };
  await fixture.begin("a");

  expect(fixture.runs).toEqual(["a 1"]);
});

test("a handler of queue.receive can put its message aside, and no attempt is counted", async () => {
  const fixture = new TrackedFixture();
  const attempts: number[] = [];
  await fixture.queue.send("jobs", { type: "mail", payload: {} });
  fixture.receive((_, { attempt }) => {
    attempts.push(attempt);
    return attempts.length < 3 ? { kind: "release", delayMs: MINUTE } : { kind: "ack" };
  });
  await fixture.clock.advance(2 * MINUTE);

  expect(attempts).toEqual([1, 1, 1]);
  expect(fixture.events.of("failed")).toEqual([]);
});
