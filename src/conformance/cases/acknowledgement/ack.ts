import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectThat } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { takeDeliveries, withSource } from "../../kit/source.ts";

const removes = defineCase({
  requirement: "acknowledgement.ack",
  name: "a message that was acknowledged is not delivered again",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const ids = await context.sendMany(client, queue, 20);

    const receiver = client.receive(queue, inbox.handler());
    await inbox.waitForMessages(20);
    await context.pass(context.leaseMs + context.lateMs);
    await receiver.stop();

    await context.expectEmpty(queue);
    for (const id of ids) expectEqual(`attempts of message ${id}`, inbox.attempts(id), [1]);
  },
});

const twice = defineCase({
  requirement: "acknowledgement.ack",
  name: "an acknowledgement that is repeated is confirmed",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    await client.queue.send(queue, job());

    const results = await withSource(context, client, queue, 1, async (source) => {
      const [delivery] = await takeDeliveries(context, source, 1);
      const ack = { kind: "ack", delivery: delivery! } as const;
      const [first] = await context.waitFor("the first acknowledgement", source.settle([ack]));
      const [second] = await context.waitFor("the second acknowledgement", source.settle([ack]));
      return { first, second };
    });

    for (const [name, result] of Object.entries(results)) {
      const actual = result?.ok === false ? String(result.error) : "no result";
      expectThat(`the ${name} acknowledgement`, result?.ok === true, actual, "a confirmation");
    }
    await context.expectEmpty(queue);
  },
});

const afterHandler = defineCase({
  requirement: "acknowledgement.ack",
  name: "a message is not acknowledged before its handler resolves",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    let isResolved = false;
    const [early, acks]: [string[], string[]] = [[], []];
    client.interceptors.settle = (_queue, operations, pass) => {
      const kinds = operations.map(({ kind }) => kind).filter((kind) => kind !== "extend");
      if (!isResolved) early.push(...kinds);
      acks.push(...kinds.filter((kind) => kind === "ack"));
      return pass(operations);
    };
    const handler = inbox.handler(async () => {
      await context.sleep(context.timing.unitMs);
      isResolved = true;
    });

    await client.queue.send(queue, job());
    client.receive(queue, handler);
    await context.waitUntil("the acknowledgement", () => acks.length > 0);

    expectEqual("settlements before the handler resolved", early, []);
    expectEqual("acknowledgements", acks.length, 1);
  },
});

export const ackCases: readonly ConformanceCase[] = [removes, twice, afterHandler];
