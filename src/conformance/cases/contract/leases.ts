import type { Operation } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { ackOf, DirectQueue, expectDone, outcomeOf, settle, takeWithin, textOf } from "../../kit/contract.ts";
import { expectEqual, expectThat, expectWithin } from "../../kit/expect.ts";
import { takeDeliveries } from "../../kit/source.ts";

const extended = defineCase({
  requirement: "contract.lease",
  name: "an extension keeps a message for one more lease from now, and no longer",
  async run(context) {
    const { leaseMs } = context;
    const queue = await DirectQueue.make(context);
    const [holder, other] = [queue.open(1), (await queue.elsewhere()).open(1)];
    await queue.sendBodies("extended");
    const [delivery] = await takeDeliveries(context, holder, 1);
    await context.pass(leaseMs / 2);
    const askedAt = context.now();
    const [result] = await settle(context, holder, [{ kind: "extend", delivery: delivery!, leaseMs }]);
    const answeredAt = context.now();
    expectDone("the extension", result);
    const leaseUntil = result?.ok === true && "leaseUntil" in result ? result.leaseUntil : undefined;
    const granted = Math.max(leaseMs, context.declared.traits.fixedLeaseMs ?? 0);
    // Providers that count in seconds round a lease up.
    const most = answeredAt + Math.ceil(granted / 1_000) * 1_000;
    if (leaseUntil !== undefined) expectWithin("leaseUntil of the extension", leaseUntil, askedAt + 1, most);

    const early = await takeWithin(context, other, 1, leaseMs * 0.75 - (context.now() - answeredAt));
    expectEqual("deliveries before the end of the extended lease", early.length, 0);
    const [again] = await takeWithin(context, other, 1, leaseMs / 4 + 1_000 + context.lateMs);
    expectEqual("the message after the extended lease", again && textOf(again.body), "extended");
    await settle(context, other, [ackOf(again!)]);
  },
});

const longer = defineCase({
  requirement: "contract.lease",
  name: "an extension lasts as long as it says, also if that is longer than the lease of the source",
  skip: ({ limits, traits }, { clock }) => {
    if (traits.fixedLeaseMs !== undefined) return "the queue sets the length of its leases";
    return limits.maxLeaseMs < (clock === undefined ? 30_000 : 120_000) ? "leases are short" : undefined;
  },
  async run(context) {
    const { leaseMs } = context;
    const queue = await DirectQueue.make(context);
    const [holder, other] = [queue.open(1), (await queue.elsewhere()).open(1)];
    await queue.sendBodies("extended");
    const [delivery] = await takeDeliveries(context, holder, 1);
    const extension: Operation = { kind: "extend", delivery: delivery!, leaseMs: 3 * leaseMs };
    expectDone("the extension", (await settle(context, holder, [extension]))[0]);

    const early = await takeWithin(context, other, 1, 1.5 * leaseMs);

    expectEqual("deliveries before the end of the extension", early.length, 0);
    expectDone("the acknowledgement", (await settle(context, holder, [ackOf(delivery!)]))[0]);
  },
});

const released = defineCase({
  requirement: "contract.lease",
  name: "a message that is released with a delay is delivered again after the delay, and not before",
  skip: ({ limits }, { clock }) =>
    Math.max(limits.maxReleaseDelayMs, limits.maxHopMs) < (clock === undefined ? 2_000 : 20_000)
      ? "a released message is delivered again immediately"
      : undefined,
  async run(context) {
    const delayMs = 2 * context.timing.unitMs;
    const queue = await DirectQueue.make(context);
    const source = queue.open(1);
    await queue.sendBodies("released");
    const [delivery] = await takeDeliveries(context, source, 1);

    const releasedAt = context.now();
    const [result] = await settle(context, source, [{ kind: "release", delivery: delivery!, delayMs }]);
    expectDone("the release", result);
    const [again] = await takeWithin(context, source, 1, delayMs + context.lateMs);

    expectEqual("the message after the delay", again && textOf(again.body), "released");
    context.expectOnTime("the delivery", context.now(), releasedAt + delayMs, context.lateMs);
    await settle(context, source, [ackOf(again!)]);
  },
});

const overlapping = defineCase({
  requirement: "contract.lease",
  name: "an acknowledgement that overlaps with an extension of the same message removes the message",
  async run(context) {
    const { leaseMs } = context;
    const bodies = ["a", "b", "c", "d"];
    const queue = await DirectQueue.make(context);
    const source = queue.open(bodies.length);
    await queue.sendBodies(...bodies);
    const deliveries = await takeDeliveries(context, source, bodies.length);

    const work = deliveries.map(async (delivery, index) => {
      const extending = source.settle([{ kind: "extend", delivery, leaseMs }]);
      if (index % 2 === 1) await context.pass(1);
      const [[extension], [ack]] = await Promise.all([extending, source.settle([ackOf(delivery)])]);
      return { extension: outcomeOf(extension), ack: outcomeOf(ack) };
    });
    const outcomes = await context.waitFor("settlements that overlap", Promise.all(work));

    for (const { extension, ack } of outcomes) {
      expectEqual("an acknowledgement during an extension", ack, "ok");
      const isRight = extension === "ok" || extension === "lease_lost";
      expectThat("an extension during an acknowledgement", isRight, extension, "ok or lease_lost");
    }
    const left = await takeWithin(context, (await queue.elsewhere()).open(1), 1, leaseMs + context.lateMs);
    expectEqual("messages in the queue", left.length, 0);
  },
});

export const leaseCases: readonly ConformanceCase[] = [extended, longer, released, overlapping];
