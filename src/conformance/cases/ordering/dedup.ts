import { defineCase, type ConformanceCase } from "../../case.ts";
import type { Declared } from "../../harness.ts";
import { expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

/** The kind of queue on which an adapter deduplicates. */
interface Dedup {
  readonly ordering: "none" | "by_key";
  readonly windowMs: number;
}

function dedupOf({ traits, orderedTraits }: Declared): Dedup | undefined {
  if (traits.dedupWindowMs > 0) return { ordering: "none", windowMs: traits.dedupWindowMs };
  if (orderedTraits === undefined || orderedTraits.dedupWindowMs === 0) return undefined;
  return { ordering: "by_key", windowMs: orderedTraits.dedupWindowMs };
}

const repeated = defineCase({
  requirement: "ordering.dedup",
  name: "a message with a repeated dedup id is delivered once inside the window, also when another process sends it",
  skip: (declared) => (dedupOf(declared) === undefined ? "the provider does not deduplicate" : undefined),
  async run(context) {
    const { ordering = "none", windowMs = 0 } = dedupOf(context.declared) ?? {};
    const queue = await context.makeQueue({ ordering });
    const clients = [await context.connect(), await context.connect()];
    const inbox = context.inbox();
    const key = ordering === "by_key" ? { orderingKey: "a" } : {};
    const send = (index: number, dedupId: string): Promise<unknown> =>
      clients[index % 2]!.queue.send(queue, { ...job(index), ...key, dedupId });

    await send(0, "one");
    await send(1, "one");
    await send(2, "two");
    clients[0]!.receive(queue, inbox.handler());
    await inbox.waitForMessages(2);
    await send(3, "one");
    await context.pass(context.lateMs);

    expectEqual("payloads inside the window", inbox.payloads, [0, 2]);
    if (context.harness.clock === undefined) return;
    await context.pass(windowMs);
    await send(4, "one");
    await inbox.waitForMessages(3);
    expectEqual("payloads after the window", inbox.payloads, [0, 2, 4]);
  },
});

export const dedupCases: readonly ConformanceCase[] = [repeated];
