import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectAtMost, expectEqual, expectSame } from "../../kit/expect.ts";
import { needsOrder } from "../../kit/skips.ts";

const KEYS = 16;
const COUNT = 1_000;

const byKey = defineCase({
  requirement: "ordering.by_key",
  name: "1,000 messages of 16 ordering keys reach 10 receivers in the order of each key",
  skip: needsOrder,
  alone: true,
  async run(context) {
    const queue = await context.makeQueue({ ordering: "by_key" });
    const sender = await context.connect();
    const inbox = context.inbox();
    const runningOf = new Map<string, number>();
    let mostOfKey = 0;
    const handler = inbox.handler(async ({ message: { orderingKey = "" } }) => {
      const running = (runningOf.get(orderingKey) ?? 0) + 1;
      runningOf.set(orderingKey, running);
      mostOfKey = Math.max(mostOfKey, running);
      await context.sleep(1);
      runningOf.set(orderingKey, (runningOf.get(orderingKey) ?? 0) - 1);
    });

    const keyOf = (index: number): string => `key ${index % KEYS}`;
    const ids = await context.sendMany(sender, queue, COUNT, (index) => ({ orderingKey: keyOf(index) }));
    for (let receivers = 0; receivers < 10; receivers += 1) (await context.connect()).receive(queue, handler);
    await inbox.waitForAll(ids, 5 * context.timing.patienceMs);
    await context.pass(context.lateMs);

    for (let key = 0; key < KEYS; key += 1) {
      const own = inbox.arrivals.filter(({ message }) => message.orderingKey === keyOf(key));
      const indexes = own.map(({ message }) => (message.payload as { readonly index: number }).index);
      const firstBefore = indexes.find((index, at) => at > 0 && index < indexes[at - 1]!);
      expectEqual(`a message of key ${key} after a later one`, firstBefore, undefined);
    }
    expectAtMost("handlers of one key at once", mostOfKey, 1);
    expectSame("messages", inbox.ids, ids);
  },
});

export const byKeyCases: readonly ConformanceCase[] = [byKey];
