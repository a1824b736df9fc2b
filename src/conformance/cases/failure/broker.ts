import { defineCase, type ConformanceCase } from "../../case.ts";
import { allRedriven, redrive, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectEqual, expectThat } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { never, withSource } from "../../kit/source.ts";

/** Empty polls in a row after which the message is taken to have left the queue. A message whose answer was late returns earlier. */
const MOST_EMPTY_POLLS = 20;

const broker = defineCase({
  requirement: "failure.broker",
  name: "a message that the provider dead-lettered itself is listed as such and can be redriven",
  skip: ({ traits }) =>
    traits.brokerMaxDeliveries === undefined ? "the provider dead-letters nothing itself" : undefined,
  async run(context) {
    const queue = await context.makeQueue({ maxAttempts: 1 });
    const client = await context.connect();
    const inbox = context.inbox();
    const { brokerMaxDeliveries = 0 } = await client.driver.describe(queue);
    const { id } = await client.queue.send(queue, job({ order: 7 }));
    const deliveries: number[] = [];

    // Through the driver alone: a worker would dead-letter the message as a crash loop before the provider does.
    await withSource(context, client, queue, 1, async (source) => {
      let emptyPolls = 0;
      const poll = async (): Promise<void> => {
        const received = await context.waitFor("a poll", source.next(1, never));
        emptyPolls = received.length === 0 ? emptyPolls + 1 : 0;
        for (const delivery of received) {
          deliveries.push(delivery.deliveryCount);
          await source.settle([{ kind: "release", delivery, delayMs: 0 }]);
        }
      };
      const isOver = (): boolean => (deliveries.at(-1) ?? 0) >= brokerMaxDeliveries;
      while (!isOver() && emptyPolls < MOST_EMPTY_POLLS) await poll();
      expectEqual("the last delivery count", deliveries.at(-1), brokerMaxDeliveries);
      // Some providers move the message only when they would deliver it once more.
      const before = deliveries.length;
      await poll();
      expectEqual("deliveries after the last one", deliveries.length - before, 0);
    });

    const deadLetter = await waitForDeadLetter(context, client, queue);
    const { reason, source } = deadLetter.info;
    expectEqual("the id of the dead letter", deadLetter.id, id);
    expectThat(
      "the reason",
      reason.startsWith("broker"),
      reason,
      "broker, or broker: and the provider's reason",
    );
    expectEqual("the source of the dead letter", source, queue);
    const groups = await context.waitFor("the groups", client.queue.deadLetters(queue).groups());
    expectEqual(
      "groups",
      groups.map((group) => `${group.count} ${group.reason}`),
      [`1 ${reason}`],
    );
    await redrive(context, client, queue, allRedriven(1));
    client.receive(queue, inbox.handler());
    await inbox.waitForRunsOf(id, 1);
    expectEqual("attempts", inbox.attempts(id), [1]);
  },
});

export const brokerCases: readonly ConformanceCase[] = [broker];
