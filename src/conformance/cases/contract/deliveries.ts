import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Delivery } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { ackOf, DirectQueue, settle, takeWithin, textOf } from "../../kit/contract.ts";
import { expectAtMost, expectEqual, expectThat, expectWithin } from "../../kit/expect.ts";
import { needsCounts } from "../../kit/skips.ts";
import { takeDeliveries } from "../../kit/source.ts";

/** Largest difference between the clocks of this process and of a server, in milliseconds. */
const CLOCKS_DIFFER_MS = 60_000;

const again = defineCase({
  requirement: "contract.identity",
  name: "each delivery of a message has the same broker's id and time, and counts up from 1",
  skip: needsCounts,
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(2);
    const sentAt = context.now();
    await queue.sendBodies("one", "two");
    const seen = new Map<string, Delivery[]>();
    for (let deliveries = 1; deliveries <= 3; deliveries += 1) {
      const askedAt = context.now();
      const some = await takeDeliveries(context, source, 2);
      for (const delivery of some) {
        const body = textOf(delivery.body);
        seen.set(body, [...(seen.get(body) ?? []), delivery]);
        expectLease(context, delivery, askedAt);
      }
      await settle(
        context,
        source,
        some.map((delivery) => ({ kind: "release", delivery, delayMs: 0 })),
      );
    }

    const ids = [...seen.values()].map(([first]) => first!.brokerId);
    expectEqual("broker's ids of two messages", new Set(ids).size, 2);
    for (const [body, deliveries] of seen) {
      const [{ brokerId, enqueuedAt }] = deliveries as [Delivery];
      expectEqual(
        `delivery counts of "${body}"`,
        deliveries.map((one) => one.deliveryCount),
        [1, 2, 3],
      );
      expectEqual(
        `broker's ids of "${body}"`,
        deliveries.map((one) => one.brokerId),
        deliveries.map(() => brokerId),
      );
      expectEqual(
        `times of "${body}"`,
        deliveries.map((one) => one.enqueuedAt),
        deliveries.map(() => enqueuedAt),
      );
      if (enqueuedAt === undefined) continue;
      const toleranceMs = context.harness.clock === undefined ? CLOCKS_DIFFER_MS : 0;
      expectWithin(`enqueuedAt of "${body}"`, enqueuedAt, sentAt - toleranceMs, context.now() + toleranceMs);
    }
  },
});

/** Asserts that the end of a lease is in the future, and not later than the lease that was asked for. */
function expectLease(context: CaseContext, { leaseUntil }: Delivery, askedAt: number): void {
  const { fixedLeaseMs = context.leaseMs } = context.declared.traits;
  const grantedMs = Math.max(fixedLeaseMs, context.leaseMs);
  // Providers that count in seconds round a lease up.
  const most = context.now() + Math.ceil(grantedMs / 1_000) * 1_000;
  expectWithin("leaseUntil", leaseUntil, askedAt + 1, most);
}

/** The garbage collector of this process. `undefined` if the runtime has no way to call it. */
function collector(): (() => void) | undefined {
  try {
    setFlagsFromString("--expose-gc");
    const gc: unknown = runInNewContext("globalThis.gc");
    return typeof gc === "function" ? (gc as () => void) : undefined;
  } catch {
    return undefined;
  }
}

const COUNT = 20;
/** Objects that caches of an SDK may keep for a while, such as the last delivery. */
const MOST_KEPT = 2;

const released = defineCase({
  requirement: "contract.retention",
  name: "a source keeps no delivery that was acknowledged or whose lease was lost",
  skip: () =>
    collector() === undefined ? "the garbage collector of this runtime cannot be called" : undefined,
  async run(context) {
    const gc = collector()!;
    const queue = await DirectQueue.make(context);
    const source = queue.open(COUNT);
    await queue.sendBodies(...Array.from({ length: COUNT }, (_, index) => `message ${index}`));

    const references = await handOut(context, source);
    await context.pass(context.leaseMs + context.lateMs);
    // Other deliveries push the last one out of variables that hold one.
    await handOut(context, (await queue.elsewhere()).open(COUNT), COUNT / 2);
    await context.waitFor("stats", queue.driver.stats(queue.name));
    let alive = COUNT;
    for (let tries = 0; tries < 20 && alive > MOST_KEPT; tries += 1) {
      await turn();
      gc();
      alive = references.filter((reference) => reference.deref() !== undefined).length;
    }
    expectAtMost(`deliveries in memory of ${COUNT} that were handed out`, alive, MOST_KEPT);
  },
});

/** Takes messages, acknowledges every second one, and forgets all. */
async function handOut(
  context: CaseContext,
  source: ReturnType<DirectQueue["open"]>,
  count: number = COUNT,
): Promise<WeakRef<Delivery>[]> {
  const deliveries = await takeWithin(context, source, count, context.timing.patienceMs);
  expectThat("deliveries", deliveries.length === count, deliveries.length, String(count));
  await settle(context, source, deliveries.filter((_, index) => index % 2 === 0).map(ackOf));
  return deliveries.map((delivery) => new WeakRef(delivery));
}

export const deliveryCases: readonly ConformanceCase[] = [again, released];
