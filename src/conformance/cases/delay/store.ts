import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectAtLeast, expectEqual, expectRefusal, expectSame, expectWithin } from "../../kit/expect.ts";

interface Sent {
  readonly id: string;
  readonly delayMs: number;
  /** Start and end of the send, in epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

const listed = defineCase({
  requirement: "delay.cancel",
  name: "a message in the delay store is listed and counted until it has arrived",
  skip: (_declared, { openDelayStore }) =>
    openDelayStore === undefined ? "there is no delay store" : undefined,
  async run(context) {
    const { unitMs, earlyMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const other = await context.connect();
    const inbox = context.inbox();

    const sent: Sent[] = [];
    for (const units of [3, 2, 300]) {
      const [delayMs, from] = [units * unitMs, context.now()];
      const { id } = await client.queue.sendDelayed(queue, { type: "job", payload: { units } }, delayMs);
      sent.push({ id, delayMs, from, to: context.now() });
    }
    const waiting = await context.waitFor("the list", other.queue.delayed(queue));
    const { delayed = 3 } = await context.waitFor("the counts", other.queue.stats(queue));
    const short = await context.waitFor("a short list", other.queue.delayed(queue, { limit: 1 }));
    other.receive(queue, inbox.handler());
    await inbox.waitForMessages(2, 3 * unitMs + patienceMs);
    const listAgain = (): ReturnType<typeof client.queue.delayed> =>
      context.waitFor("a list", client.queue.delayed(queue));
    await context.waitUntil("a list of one", async () => (await listAgain()).length === 1);
    const [last] = await listAgain();
    const isCancelled = await context.waitFor("the cancel", client.queue.cancel(last?.handle ?? ""));
    const rest = await listAgain();

    // By due time, however long each send took.
    const inOrder = sent.toSorted((one, two) => one.from + one.delayMs - two.from - two.delayMs);
    const ids = waiting.map(({ message }) => message?.id);
    expectEqual(
      "the list in the order of the due times",
      ids,
      inOrder.map(({ id }) => id),
    );
    for (const [index, { dueAt, message }] of waiting.entries()) {
      const { delayMs, from, to } = inOrder[index]!;
      const due = dueAt.getTime();
      expectWithin("dueAt", due, from + delayMs, to + delayMs + earlyMs);
      expectWithin("scheduledAt", message?.scheduledAt?.getTime() ?? 0, from, due);
    }
    expectAtLeast("the count of delayed messages", delayed, 3);
    expectEqual("a list with the limit 1", short.length, 1);
    expectEqual("the last message in the list", last?.message?.id, sent[2]!.id);
    expectEqual("the result of the cancel", isCancelled, true);
    expectEqual("the list after the cancel", rest, []);
    expectSame("messages that arrived", inbox.ids, [sent[0]!.id, sent[1]!.id]);
  },
});

const noStore = defineCase({
  requirement: "delay.cancel",
  name: "a list of delayed messages without a delay store is refused as not_supported",
  skip: (_declared, { openDelayStore }) =>
    openDelayStore === undefined ? undefined : "there is a delay store",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();

    await expectRefusal("the list", client.queue.delayed(queue), "not_supported", "delayStore");
  },
});

export const storeCases: readonly ConformanceCase[] = [listed, noStore];
