import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectAtLeast, expectAtMost, expectEqual, expectSame } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import type { TestClient } from "../../kit/test-client.ts";

const SENDERS = 50;
const EACH = 50;

const apart = defineCase({
  requirement: "delivery.apart",
  name: "two queues on one connection receive only their own messages",
  async run(context) {
    const queues = [await context.makeQueue(), await context.makeQueue()];
    const client = await context.connect();
    const inboxes = queues.map(() => context.inbox());
    queues.forEach((queue, index) => client.receive(queue, inboxes[index]!.handler()));

    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, index) => client.queue.send(queues[index % 2]!, job(index % 2))),
    );
    await context.waitUntil("20 messages in each queue", () => inboxes.every(({ size }) => size >= 20));
    await context.pass(context.lateMs);

    for (const [index, inbox] of inboxes.entries()) {
      const own = sent.filter((_, at) => at % 2 === index).map(({ id }) => id);
      expectSame(`messages of queue ${index + 1}`, inbox.ids, own);
      expectEqual(`payloads of queue ${index + 1}`, [...new Set(inbox.payloads)], [index]);
    }
  },
});

const crowd = defineCase({
  requirement: "delivery.crowd",
  name: "5,000 messages from 50 senders reach 50 handlers, and none is lost",
  alone: true,
  async run(context) {
    const queue = await context.makeQueue();
    const sender = await context.connect();
    const client = await context.connect();
    const inbox = context.inbox();
    // The first handlers wait for each other, so that a slow server too has a backlog that can fill the slots.
    const isCrowded = Promise.withResolvers<void>();
    const handler = inbox.handler(() => {
      if (inbox.mostRunning >= 25) isCrowded.resolve();
      return isCrowded.promise;
    });

    const backlog = await sendFromMany(context, sender, queue);
    const receiver = client.receive(queue, handler, { concurrency: 50 });
    const duringReceive = await sendFromMany(context, sender, queue);
    await inbox.waitForMessages(2 * SENDERS * EACH);
    await receiver.stop();

    expectSame("messages", new Set(inbox.ids), [...backlog, ...duringReceive]);
    expectAtMost("handlers at once", inbox.mostRunning, 50);
    expectAtLeast("handlers at once", inbox.mostRunning, 25);
    context.expectDuplicates(inbox.duplicates, 50);
    await context.expectEmpty(queue);
  },
});

/** Sends 50 messages from each of 50 senders at once. Returns their ids. */
async function sendFromMany(context: CaseContext, client: TestClient, queue: string): Promise<string[]> {
  const ids: string[] = [];
  const sendEach = async (sender: number): Promise<void> => {
    for (let index = 0; index < EACH; index += 1) {
      ids.push((await client.queue.send(queue, job({ sender, index }))).id);
    }
  };
  const all = Array.from({ length: SENDERS }, (_, sender) => sendEach(sender));
  await context.waitFor("half of the sends", Promise.all(all));
  return ids;
}

const manyQueues = defineCase({
  requirement: "delivery.many_queues",
  name: "20 queues that are used at once each receive their own 100 messages",
  alone: true,
  async run(context) {
    const queues = await Promise.all(Array.from({ length: 20 }, () => context.makeQueue()));
    const client = await context.connect();
    const inboxes = queues.map(() => context.inbox());
    queues.forEach((queue, index) => client.receive(queue, inboxes[index]!.handler()));

    const sent = await Promise.all(queues.map((queue) => context.sendMany(client, queue, 100)));
    await context.waitUntil("100 messages in each queue", () => inboxes.every(({ size }) => size >= 100));

    for (const [index, ids] of sent.entries()) {
      expectSame(`messages of queue ${index + 1}`, new Set(inboxes[index]!.ids), ids);
    }
    const duplicates = inboxes.reduce((sum, inbox) => sum + inbox.duplicates, 0);
    context.expectDuplicates(duplicates, 20);
  },
});

export const concurrencyCases: readonly ConformanceCase[] = [apart, crowd, manyQueues];
