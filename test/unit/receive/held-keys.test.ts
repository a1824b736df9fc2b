import { expect, test } from "vitest";
import type { Source } from "../../../src/driver/contract.ts";
import { sleep } from "../../../src/lib/clock.ts";
import { RetryAfterError } from "../../../src/errors.ts";
import { MOST_HELD } from "../../../src/receive/capacity.ts";
import { delivery, HOUR, MINUTE, SECOND, times } from "../support.ts";
import { Fixture } from "./fixture.ts";

/** Ordered queues whose provider cannot hold the backoff, and a backoff that it cannot hold. */
const QUEUES = [
  ["service-bus", "jobs", HOUR],
  ["sqs", "jobs.fifo", 2 * HOUR],
] as const;

async function open(emulate: "service-bus" | "sqs", name: string): Promise<Fixture> {
  const fixture = new Fixture({ emulate, queues: [], name });
  await fixture.queue.ensure(name, { ordering: "by_key" });
  return fixture;
}

test.each(QUEUES)(
  "500 keys that wait for their backoff on %s take nothing from healthy keys",
  async (provider, name, afterMs) => {
    const fixture = await open(provider, name);
    const send = (type: string, count: number): Promise<unknown> =>
      Promise.all(
        times(count, (index) =>
          fixture.queue.send(name, { type, payload: index, orderingKey: `${type}-${index}` }),
        ),
      );
    await send("bad", 500);
    const done: string[] = [];
    fixture.receive(({ type, payload }) => {
      if (type === "bad") throw new RetryAfterError(afterMs);
      done.push(String(payload));
    });
    await fixture.clock.advance(MINUTE);
    expect(fixture.events.of("retrying")).toHaveLength(500);

    await send("good", 20);
    await fixture.clock.advance(MINUTE);
    expect(done).toHaveLength(20);
    // They wait for the whole backoff, and each of them fails once.
    expect(fixture.events.of("retrying")).toHaveLength(500);
  },
);

test("messages behind keys that wait for their backoff take nothing from healthy keys", async () => {
  const fixture = await open("sqs", "jobs.fifo");
  for (const key of times(20, (index) => `bad-${index}`))
    for (const payload of [1, 2, 3])
      await fixture.queue.send("jobs.fifo", { type: "bad", payload, orderingKey: key });
  const done: string[] = [];
  fixture.receive(({ type }) => {
    if (type === "bad") throw new RetryAfterError(2 * HOUR);
    done.push(type);
  });
  await fixture.clock.advance(MINUTE);
  await fixture.queue.send("jobs.fifo", { type: "good", payload: 1, orderingKey: "good" });
  await fixture.clock.advance(MINUTE);

  expect(done).toEqual(["good"]);
  expect(fixture.events.of("retrying")).toHaveLength(20);
});

test("a key that waits beyond the bound of held messages is given back, with the delay that the provider can hold", async () => {
  const fixture = await open("sqs", "jobs.fifo");
  const started: number[] = [];
  for (const index of times(MOST_HELD + 1, (one) => one))
    await fixture.queue.send("jobs.fifo", { type: "bad", payload: index, orderingKey: `k${index}` });
  fixture.receive(({ payload }, { attempt }) => {
    if (attempt === 2) started.push(payload as number);
    throw new RetryAfterError(2 * HOUR);
  });
  await fixture.clock.advance(16 * MINUTE);

  // SQS holds a release for 15 minutes.
  expect(started).toEqual([MOST_HELD]);
  expect(fixture.events.of("retrying")).toHaveLength(MOST_HELD + 2);

  await fixture.queue.send("jobs.fifo", { type: "good", payload: -1, orderingKey: "good" });
  await fixture.clock.advance(SECOND);
  expect(fixture.events.of("started").at(-1)?.job.type).toBe("good");
});

test("messages that wait behind long runs of two keys take nothing from healthy keys", async () => {
  const fixture = await open("sqs", "jobs.fifo");
  // SQS returns as many messages of one key as a receive asks for, and none of that key until they are settled.
  const waiting = ["slow-a", "slow-b", ...times(20, (index) => `good-${index}`)];
  const settled: string[] = [];
  const source: Source = {
    next: async (max, signal) => {
      const orderingKey = waiting.shift();
      if (orderingKey === undefined) await sleep(fixture.clock, 20 * SECOND, signal);
      const count = orderingKey === undefined ? 0 : orderingKey.startsWith("slow") ? max : 1;
      return times(count, (index) => ({
        ...delivery({ body: JSON.stringify({ type: orderingKey?.slice(0, 4), payload: 1 }) }),
        brokerId: `${orderingKey}-${index}`,
        leaseUntil: fixture.clock.now() + 30 * SECOND,
        orderingKey,
      }));
    },
    settle: (operations) => {
      for (const { kind, delivery: of } of operations) if (kind === "ack") settled.push(of.brokerId);
      return Promise.resolve(
        operations.map(() => ({ ok: true as const, leaseUntil: fixture.clock.now() + 30 * SECOND })),
      );
    },
    stop: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const openQueue = fixture.driver.open.bind(fixture.driver);
  fixture.driver.open = (queue, options) => (queue === "jobs.fifo" ? source : openQueue(queue, options));
  fixture.receive(
    ({ type }) =>
      type === "good" ? undefined : new Promise<void>((resolve) => fixture.clock.timer(5 * MINUTE, resolve)),
    { concurrency: 5 },
  );
  await fixture.clock.advance(MINUTE);

  expect(settled).toEqual(times(20, (index) => `good-${index}-0`));
});
