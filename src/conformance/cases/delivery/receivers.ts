import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectAtMost, expectEqual, expectSame } from "../../kit/expect.ts";

const beforeReceiver = defineCase({
  requirement: "delivery.before_receiver",
  name: "messages that were sent before a receiver existed are received",
  async run(context) {
    const queue = await context.makeQueue();
    const sender = await context.connect();
    const inbox = context.inbox();

    const ids = await context.sendMany(sender, queue, 10);
    await sender.close();
    await context.pass(context.timing.unitMs);
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForMessages(10);

    expectSame("messages", inbox.ids, ids);
  },
});

const replaced = defineCase({
  requirement: "delivery.replaced_receiver",
  name: "a receiver that is stopped and replaced five times loses no message",
  async run(context) {
    const queue = await context.makeQueue();
    const ids = await context.sendMany(await context.connect(), queue, 300);
    const inbox = context.inbox();
    const handler = inbox.handler(() => context.sleep(5));

    for (let round = 1; round <= 5; round += 1) {
      const client = await context.connect();
      const receiver = client.receive(queue, handler);
      await inbox.waitForMessages(round * 40);
      await receiver.stop();
      expectEqual("handlers that run after the stop", inbox.running, 0);
      await client.close();
    }
    expectAtMost("messages that arrived before the last receiver", inbox.size, 299);
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForAll(ids);

    context.expectDuplicates(inbox.duplicates, 0);
  },
});

const startAndClose = defineCase({
  requirement: "delivery.start_and_close",
  name: "a queue on which ten receivers start and close at once still delivers",
  async run(context) {
    const queue = await context.makeQueue();
    const before = await context.sendMany(await context.connect(), queue, 30);
    const inbox = context.inbox();
    const clients = await Promise.all(Array.from({ length: 10 }, () => context.connect()));

    const receivers = clients.map((client) => client.receive(queue, inbox.handler()));
    const drains = Promise.all(receivers.map((receiver) => receiver.requestStop()));
    await context.waitFor("ten drains", drains);
    await context.waitFor("ten closes", Promise.all(clients.map((client) => client.queue.close())));
    const after = await context.sendMany(await context.connect(), queue, 10);
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForAll([...before, ...after], context.leaseMs / 2);

    context.expectDuplicates(inbox.duplicates, 0);
  },
});

export const receiverCases: readonly ConformanceCase[] = [beforeReceiver, replaced, startAndClose];
