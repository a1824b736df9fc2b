import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { countRequests } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";

const aborted = defineCase({
  requirement: "delivery.aborted",
  name: "send and receive reject with the signal's reason and make no request if the signal is already aborted",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const reason = new Error("no longer wanted");
    const signal = AbortSignal.abort(reason);
    const requests = countRequests(client);
    const delayMs = context.timing.unitMs;
    const [expected] = await context.sendMany(await context.connect(), queue, 1);
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      send: () => client.queue.send(queue, job(1), { signal }),
      sendBatch: () => client.queue.sendBatch(queue, [job(1), job(2)], { signal }),
      sendDelayed: () => client.queue.sendDelayed(queue, job(1), delayMs, { signal }),
      receive: () => client.queue.receive(queue, inbox.handler(), { signal }),
    };

    for (const [name, call] of Object.entries(calls)) {
      const thrown: unknown = await call().then(
        () => "it succeeded",
        (error: unknown) => error,
      );
      expectThat(`the error of ${name}`, thrown === reason, String(thrown), "the reason of the signal");
    }
    await context.pass(delayMs + context.lateMs);

    expectEqual("requests", requests(), 0);
    expectEqual("runs", inbox.arrivals.length, 0);
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(1);
    await context.pass(context.lateMs);
    expectEqual("messages in the queue", inbox.ids, [expected]);
  },
});

const missing = defineCase({
  requirement: "delivery.missing_queue",
  name: "send and receive on a missing queue reject with not_found and the queue's name",
  skip: ({ limits }) => (limits.createsQueues ? "the provider creates queues on first use" : undefined),
  async run(context) {
    const queue = context.missingQueue();
    const client = await context.connect();
    const { leaseMs } = context;

    const sending = client.queue.send(queue, job(1));
    const receiving = client.queue.receive(queue, async () => {}, { leaseMs });
    const both = Promise.allSettled([sending, receiving]);
    await context.waitFor("two refusals", both);

    await expectRefusal("send", sending, "not_found", queue);
    await expectRefusal("receive", receiving, "not_found", queue);
  },
});

const created = defineCase({
  requirement: "delivery.missing_queue",
  name: "a missing queue is created when it is first used",
  skip: ({ limits }) =>
    limits.createsQueues ? undefined : "the provider does not create queues on first use",
  async run(context) {
    const [sentFirst, receivedFirst] = [context.missingQueue(), context.missingQueue()];
    const client = await context.connect();
    const inbox = context.inbox();

    const { id: one } = await client.queue.send(sentFirst, job(1));
    client.receive(sentFirst, inbox.handler());
    await inbox.waitForRunsOf(one, 1);
    client.receive(receivedFirst, inbox.handler());
    await context.pass(context.timing.unitMs);
    const { id: two } = await client.queue.send(receivedFirst, job(2));
    await inbox.waitForRunsOf(two, 1);

    expectEqual("messages", inbox.ids, [one, two]);
  },
});

export const refusalCases: readonly ConformanceCase[] = [aborted, missing, created];
