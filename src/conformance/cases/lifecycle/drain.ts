import { isQueueError } from "../../../errors.ts";
import { Worker } from "../../../worker/worker.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { listDeadLetters } from "../../kit/dead-letters.ts";
import { expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const finishes = defineCase({
  requirement: "lifecycle.drain",
  name: "a drain starts no handler, and ends when the running handlers have finished and are acknowledged",
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const [inbox, next] = [context.inbox(), context.inbox()];
    let [finished, aborted] = [0, 0];
    const handler = inbox.handler(async (_arrival, { signal }) => {
      await context.sleep(2 * unitMs, signal);
      finished += 1;
      if (signal.aborted) aborted += 1;
    });

    const receiver = client.receive(queue, handler, { concurrency: 2, drainMs: 10 * unitMs });
    const ids = await context.sendMany(client, queue, 6);
    await inbox.waitForRunning(2);
    const drain = receiver.requestStop().then(() => finished);
    await context.sendMany(await context.connect(), queue, 2);
    const finishedByEnd = await context.waitFor("the drain", drain, 3 * unitMs + patienceMs);
    const started = inbox.arrivals.length;
    (await context.connect()).receive(queue, next.handler());
    await next.waitForMessages(6, context.leaseMs / 2);
    await context.pass(context.leaseMs + context.lateMs);

    expectEqual("handlers that had finished at the end of the drain", finishedByEnd, 2);
    expectEqual("handlers whose signal aborted", aborted, 0);
    expectEqual("handlers that were started", started, 2);
    const twice = ids.filter((id) => inbox.count(id) > 0 && next.count(id) > 0);
    expectEqual("messages that were handled and came again", twice, []);
    expectEqual("duplicates on the next receiver", next.duplicates, 0);
  },
});

const deadline = defineCase({
  requirement: "lifecycle.drain",
  name: "a job that still runs at the drain deadline is aborted and runs on another worker at once, without using up an attempt",
  async run(context) {
    const drainMs = context.timing.unitMs;
    const { leaseMs } = context;
    const queue = await context.makeQueue({ maxAttempts: 1 });
    const client = await context.connect();
    const other = await context.connect();
    const inbox = context.inbox();
    let running = 0;
    const aborts: { readonly at: number; readonly reason: unknown }[] = [];
    const options = { leaseMs, drainMs, graceMs: leaseMs, concurrency: 3 };
    const worker = new Worker(client.queue, options).register("job", async (_message, { signal }) => {
      running += 1;
      await context.sleep(100 * drainMs, signal);
      aborts.push({ at: context.now(), reason: signal.reason });
      throw new Error("interrupted");
    });

    const receiver = client.work(queue, worker);
    await context.sendMany(client, queue, 3, () => ({ maxAttempts: 1 }));
    await context.waitUntil("3 handlers that run", () => running === 3);
    const stoppedAt = context.now();
    await receiver.stop();
    const startedAt = context.now();
    other.receive(queue, inbox.handler());
    await inbox.waitForMessages(3, leaseMs / 2);
    await context.pass(leaseMs + context.lateMs);

    expectEqual("aborted handlers", aborts.length, 3);
    for (const { at, reason } of aborts) {
      context.expectOnTime("the abort", at, stoppedAt + drainMs);
      expectThat("the reason", isQueueError(reason, "draining"), String(reason), "a draining error");
    }
    for (const { at } of inbox.arrivals) context.expectOnTime("the next run", at, startedAt);
    expectEqual("duplicates on the other worker", inbox.duplicates, 0);
    expectEqual("dead letters", await listDeadLetters(context, other, queue), []);
  },
});

const stubborn = defineCase({
  requirement: "lifecycle.drain",
  name: "a handler that ignores its signal is named in drain_incomplete, its job is released, and its late result is ignored",
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const [first, second] = [context.inbox(), context.inbox()];
    const finish = Promise.withResolvers<void>();
    const handler = first.handler(() => finish.promise);

    const receiver = client.receive(queue, handler, { drainMs: unitMs, graceMs: unitMs });
    const { id } = await client.queue.send(queue, job());
    await first.waitForRunning(1);
    const stoppedAt = context.now();
    const drain = receiver.requestStop();
    await context.waitFor("the drain", Promise.allSettled([drain]));
    const endedAt = context.now();
    (await context.connect()).receive(
      queue,
      second.handler(() => context.sleep(unitMs)),
    );
    await second.waitForMessages(1, context.leaseMs / 2);
    const stillRunning = first.running;
    finish.resolve();
    await first.waitForRunning(0);
    await context.pass(context.leaseMs + context.lateMs);

    await expectRefusal("the drain", drain, "drain_incomplete", queue, id);
    const lateMs = context.lateMs + patienceMs / 2;
    context.expectOnTime("the end of the drain", endedAt, stoppedAt + 2 * unitMs, lateMs);
    expectEqual("handlers that still ran when another process got the job", stillRunning, 1);
    expectEqual("runs on the other process", second.count(id), 1);
    expectEqual("attempts on the other process", second.attempts(id), [1]);
  },
});

const closes = defineCase({
  requirement: "lifecycle.drain",
  name: "a queue client that is closed drains its receivers first",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    let [finished, ended] = [0, false];
    const handler = inbox.handler(async () => {
      await context.sleep(context.timing.unitMs);
      finished += 1;
    });

    const receiving = client.queue.receive(queue, handler, { leaseMs: context.leaseMs });
    await context.sendMany(client, queue, 3);
    await inbox.waitForRunning(3);
    const closing = client.queue.close().then(() => ({ finished, ended }));
    void receiving.then(() => {
      ended = true;
    });
    const atClose = await context.waitFor("the close", closing);

    expectEqual("handlers that had finished and receivers that had ended", atClose, {
      finished: 3,
      ended: true,
    });
    await context.expectEmpty(queue);
  },
});

export const drainCases: readonly ConformanceCase[] = [finishes, deadline, stubborn, closes];
