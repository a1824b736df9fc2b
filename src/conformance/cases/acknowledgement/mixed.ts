import type { Delivery, Operation } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectEqual, expectSame } from "../../kit/expect.ts";
import { takeDeliveries, withSource } from "../../kit/source.ts";
import type { TestClient } from "../../kit/test-client.ts";

const COUNT = 9;

const mixed = defineCase({
  requirement: "acknowledgement.partial",
  name: "messages that are settled together in different ways each get their own outcome",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    await context.sendMany(client, queue, COUNT);
    const { deadLetter, deadLetterQueue } = await client.driver.describe(queue);
    const isNative = deadLetter === "native";
    const kinds = isNative ? (["dead_letter", "ack", "release"] as const) : (["ack", "release"] as const);
    const kindAt = (index: number): (typeof kinds)[number] => kinds[index % kinds.length]!;

    // In the order of arrival: deliveries that are neighbours at the provider must not be confused.
    const all = await settleAll(context, client, queue, COUNT, (delivery, index) =>
      operationOf(kindAt(index), delivery),
    );

    const idsOf = (kind: Operation["kind"]): string[] =>
      all.filter((_, index) => kindAt(index) === kind).map((delivery) => idOf(delivery));
    const released = await settleAll(context, client, queue, idsOf("release").length, acknowledge);
    expectSame("messages that are delivered again", released.map(idOf), idsOf("release"));
    await context.expectEmpty(queue);
    if (!isNative) return;
    const dead = await settleAll(context, client, deadLetterQueue, idsOf("dead_letter").length, acknowledge);
    expectSame("dead letters", dead.map(idOf), idsOf("dead_letter"));
    for (const one of dead) expectEqual("a reason", one.deadLetter?.reason, `of ${idOf(one)}`);
  },
});

/** Takes this many messages, settles them in as few calls as possible, and asserts that each is confirmed. */
function settleAll(
  context: CaseContext,
  client: TestClient,
  queue: string,
  count: number,
  settle: (delivery: Delivery, index: number) => Operation,
): Promise<Delivery[]> {
  return withSource(context, client, queue, COUNT, async (source) => {
    const deliveries = await takeDeliveries(context, source, count);
    const operations = deliveries.map(settle);
    const most = client.driver.limits.maxSettleBatch;
    const calls = Array.from({ length: Math.ceil(count / most) }, (_, call) =>
      source.settle(operations.slice(call * most, (call + 1) * most)),
    );
    const results = (await context.waitFor("the settlements", Promise.all(calls))).flat();
    const failures = results.flatMap((result) => (result.ok ? [] : [String(result.error)]));
    expectEqual("settlements that failed", failures, []);
    return deliveries;
  });
}

function operationOf(kind: "ack" | "release" | "dead_letter", delivery: Delivery): Operation {
  if (kind === "ack") return acknowledge(delivery);
  if (kind === "release") return { kind, delivery, delayMs: 0 };
  return { kind, delivery, reason: `of ${idOf(delivery)}`, description: "", attributes: {} };
}

function acknowledge(delivery: Delivery): Operation {
  return { kind: "ack", delivery };
}

function idOf({ body }: Delivery): string {
  return (JSON.parse(body.toString()) as { readonly id: string }).id;
}

export const mixedCases: readonly ConformanceCase[] = [mixed];
