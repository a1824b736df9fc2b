import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual } from "../../kit/expect.ts";
import { listDeadLetters } from "../../kit/dead-letters.ts";
import { job } from "../../kit/messages.ts";

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

export const releaseCases: readonly ConformanceCase[] = [unstarted];
