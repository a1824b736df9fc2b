import type { QueueSpec } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { DirectQueue, takeWithin, textOf } from "../../kit/contract.ts";
import { expectEqual } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

const drop = defineCase({
  requirement: "contract.drop",
  name: "a queue that is dropped and created again has no messages, nor has its dead-letter queue",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver, name } = queue;
    const { admin } = driver;
    if (admin === undefined) {
      context.notes.push("the driver has no admin");
      return;
    }
    const traits = await context.waitFor("a description", driver.describe(name));
    await queue.sendBodies("dropped");
    if (traits.deadLetter === "copy") {
      const copy = queue.outgoing("a dead letter");
      await context.waitFor("a send", driver.send(traits.deadLetterQueue, [copy], never));
    }

    await context.waitFor("a drop", admin.drop(name));
    await context.waitFor("a second drop", admin.drop(name));
    const spec: QueueSpec = {
      ordering: traits.ordering,
      brokerMaxDeliveries: 50,
      leaseMs: context.leaseMs,
    };
    // A provider may need a moment before a name can be used again.
    await context.waitUntil("the queue after its drop", () =>
      admin.ensure(name, spec).then(
        () => true,
        (error: unknown) => {
          if (driver.classify(error) !== "transient") throw error;
          return false;
        },
      ),
    );

    for (const each of [name, traits.deadLetterQueue]) {
      const source = driver.open(each, { prefetch: 1, leaseMs: context.leaseMs });
      const found = await takeWithin(context, source, 1, context.timing.unitMs);
      expectEqual(
        `messages of "${each}" after its drop`,
        found.map(({ body }) => textOf(body)),
        [],
      );
      await context.waitFor("a stop", source.stop());
      await source.close();
    }
  },
});

const ensured = defineCase({
  requirement: "contract.ensure",
  name: "a queue that is ensured again keeps its messages",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver, name } = queue;
    const { admin } = driver;
    if (admin === undefined) {
      context.notes.push("the driver has no admin");
      return;
    }
    const { ordering } = await context.waitFor("a description", driver.describe(name));
    await queue.sendBodies("kept");

    await context.waitFor(
      "an ensure",
      admin.ensure(name, { ordering, brokerMaxDeliveries: 50, leaseMs: context.leaseMs }),
    );

    const [delivery] = await takeWithin(context, queue.open(1), 1, context.timing.patienceMs);
    expectEqual("the message of the queue", delivery && textOf(delivery.body), "kept");
  },
});

export const adminCases: readonly ConformanceCase[] = [drop, ensured];
