import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectRefusal } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsOrder } from "../../kit/skips.ts";

const noOrder = defineCase({
  requirement: "ordering.undeclared",
  name: "a message with an ordering key is refused as not_supported on a queue that keeps no order",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();

    const sending = client.queue.send(queue, { ...job(), orderingKey: "a" });

    await expectRefusal("the send", sending, "not_supported", queue, "orderingKey");
    await context.expectEmpty(queue);
  },
});

const noDedup = defineCase({
  requirement: "ordering.undeclared",
  name: "a message with a dedup id is refused as not_supported on a queue that does not deduplicate",
  skip: ({ traits, orderedTraits }) =>
    traits.dedupWindowMs > 0 && orderedTraits?.dedupWindowMs !== 0 ? "every queue deduplicates" : undefined,
  async run(context) {
    const ordering = context.declared.traits.dedupWindowMs === 0 ? "none" : "by_key";
    const queue = await context.makeQueue({ ordering });
    const client = await context.connect();

    const sending = client.queue.send(queue, { ...job(), dedupId: "one" });

    await expectRefusal("the send", sending, "not_supported", queue, "dedupId");
    await context.expectEmpty(queue);
  },
});

const noDelayInOrder = defineCase({
  requirement: "ordering.undeclared",
  name: "a delayed message with an ordering key is refused as not_supported",
  skip: needsOrder,
  async run(context) {
    const { unitMs } = context.timing;
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();

    const sending = client.queue.sendDelayed(queue, { ...job(), orderingKey: "a" }, unitMs);

    await expectRefusal("the send", sending, "not_supported", queue);
    await context.pass(unitMs);
    await context.expectEmpty(queue);
  },
});

const delayWithoutKey = defineCase({
  requirement: "ordering.undeclared",
  name: "a delayed message without an ordering key arrives on time on an ordered queue",
  skip: needsOrder,
  async run(context) {
    const delayMs = 2 * context.timing.unitMs;
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();
    const inbox = context.inbox();
    client.receive(queue, inbox.handler());

    const sentAt = context.now();
    const { id } = await client.queue.sendDelayed(queue, job(), delayMs);
    const acceptedAt = context.now();
    await inbox.waitForRunsOf(id, 1, delayMs + context.timing.patienceMs);

    const lateMs = context.lateMs + acceptedAt - sentAt;
    context.expectOnTime("the message", inbox.of(id)[0]!.at, sentAt + delayMs, lateMs);
    expectEqual("attempts", inbox.attempts(id), [1]);
  },
});

export const undeclaredCases: readonly ConformanceCase[] = [
  noOrder,
  noDedup,
  noDelayInOrder,
  delayWithoutKey,
];
