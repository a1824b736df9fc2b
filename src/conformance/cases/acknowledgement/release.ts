import type { Disposition } from "../../../queue/disposition.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { listDeadLetters } from "../../kit/dead-letters.ts";
import { expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsOrder } from "../../kit/skips.ts";

const unstarted = defineCase({
  requirement: "acknowledgement.release",
  name: "a message with maxAttempts 1 that ten drains release unstarted is still run",
  async run(context) {
    const queue = await context.makeQueue({ maxAttempts: 1 });
    const inbox = context.inbox();
    const sender = await context.connect();
    const { id } = await sender.queue.send(queue, { ...job("unstarted"), maxAttempts: 1 });
    let deliveries = 0;

    for (let drains = 1; drains <= 10; drains += 1) {
      const client = await context.connect();
      client.interceptors.receive = async (from, pass) => {
        const received = await pass();
        if (from === queue) deliveries += received.length;
        return received;
      };
      const receiver = client.hold(queue, inbox.handler());
      await context.waitUntil(`delivery ${drains}`, () => deliveries >= drains, context.leaseMs / 2);
      await receiver.stop();
      await client.close();
    }
    expectEqual("runs during the drains", inbox.arrivals.length, 0);
    const client = await context.connect();
    const receiver = client.receive(queue, inbox.handler());
    await inbox.waitForRunsOf(id, 1, context.leaseMs / 2);
    await receiver.stop();

    expectEqual("payloads", inbox.payloads, ["unstarted"]);
    expectEqual("dead letters", await listDeadLetters(context, client, queue), []);
    await context.expectEmpty(queue);
  },
});

const drained = defineCase({
  requirement: "acknowledgement.release",
  name: "a job that two drains give back while it runs, and that fails once after that, is retried",
  run: (context) => survivesDrains(context, "none"),
});

const drainedInOrder = defineCase({
  requirement: "acknowledgement.release",
  name: "a job with an ordering key that two drains give back, and that fails once after that, is retried",
  skip: needsOrder,
  run: (context) => survivesDrains(context, "by_key"),
});

/** Drains twice while a job with three attempts runs, lets it fail once, and asserts that it runs again. */
async function survivesDrains(context: CaseContext, ordering: "none" | "by_key"): Promise<void> {
  const { unitMs, patienceMs } = context.timing;
  const queue = await context.makeQueue({ ordering, maxAttempts: 3 });
  const inbox = context.inbox();
  const orderingKey = ordering === "by_key" ? "key" : undefined;
  const sender = await context.connect();
  const { id } = await sender.queue.send(queue, { ...job("long"), maxAttempts: 3, orderingKey });
  const options = { drainMs: 0, graceMs: unitMs };

  for (let drains = 1; drains <= 2; drains += 1) {
    const client = await context.connect();
    const handler = inbox.handler(async (_arrival, { signal }) => {
      await context.sleep(100 * patienceMs, signal);
      throw new Error("interrupted");
    });
    const receiver = client.receive(queue, handler, options);
    await inbox.waitForRunsOf(id, drains, context.leaseMs + patienceMs);
    await receiver.stop();
    await client.close();
  }
  const client = await context.connect({ backoff: { baseMs: 0 } });
  const handler = inbox.handler(() => {
    if (inbox.count(id) === 3) throw new Error("the first failure");
  });
  const receiver = client.receive(queue, handler);
  await inbox.waitForRunsOf(id, 4, context.leaseMs + patienceMs);
  await receiver.stop();

  expectEqual("runs", inbox.count(id), 4);
  expectEqual("dead letters", await listDeadLetters(context, client, queue), []);
  await context.expectEmpty(queue);
}

const released = defineCase({
  requirement: "acknowledgement.release",
  name: "a message that its handler releases five times has used up none of its attempts",
  async run(context) {
    const queue = await context.makeQueue({ maxAttempts: 2 });
    const client = await context.connect({ backoff: { baseMs: 0 } });
    const inbox = context.inbox();
    const handler = inbox.handler((): Disposition | void => {
      if (inbox.arrivals.length <= 5) return { kind: "release" };
      if (inbox.arrivals.length === 6) throw new Error("the first failure");
    });

    const { id } = await client.queue.send(queue, { ...job(), maxAttempts: 2 });
    const receiver = client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 7, context.leaseMs + context.timing.patienceMs);
    await receiver.stop();

    expectEqual("runs", inbox.count(id), 7);
    expectEqual("dead letters", await listDeadLetters(context, client, queue), []);
    await context.expectEmpty(queue);
  },
});

export const releaseCases: readonly ConformanceCase[] = [unstarted, drained, drainedInOrder, released];
