import { defineCase, type ConformanceCase } from "../../case.ts";
import {
  ackOf,
  DirectQueue,
  expectDone,
  expectFailed,
  expectRejection,
  operationsOn,
  outcomeOf,
  settle,
  textOf,
} from "../../kit/contract.ts";
import { expectEqual } from "../../kit/expect.ts";
import { never, takeDeliveries } from "../../kit/source.ts";

const stale = defineCase({
  requirement: "contract.lease_lost",
  name: "an operation on a message that was delivered again fails as lease_lost and does not change the message",
  async run(context) {
    const queue = await DirectQueue.make(context);
    if (context.declared.limits.fencedSettle === false)
      context.notes.push("an acknowledgement by a former holder may remove the message");
    const [first, second] = [queue.open(1), (await queue.elsewhere()).open(1)];
    await queue.sendBodies("held by another");
    const [late] = await takeDeliveries(context, first, 1);
    await context.pass(context.leaseMs);
    const [fresh] = await takeDeliveries(context, second, 1);

    const { reportsLateAcks, fencedSettle } = context.declared.limits;
    for (const operation of operationsOn(late!, context.leaseMs)) {
      if (operation.kind === "ack" && fencedSettle === false) continue;
      const [result] = await settle(context, first, [operation]);
      const mayPass = operation.kind === "ack" && reportsLateAcks === false;
      if (mayPass && result?.ok === true) continue;
      expectFailed(`the late ${operation.kind}`, result, "lease_lost");
    }
    const [extend, release] = operationsOn(fresh!, context.leaseMs);
    expectDone("an extension by the present holder", (await settle(context, second, [extend!]))[0]);
    expectDone("a release by the present holder", (await settle(context, second, [release!]))[0]);
    const [again] = await takeDeliveries(context, second, 1);
    expectEqual("the message after the late operations", textOf(again!.body), "held by another");
    expectDone("the last acknowledgement", (await settle(context, second, [ackOf(again!)]))[0]);
  },
});

const afterAck = defineCase({
  requirement: "contract.lease_lost",
  name: "after an acknowledgement, another one succeeds and an extension fails as lease_lost",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(1);
    await queue.sendBodies("acknowledged");
    const [delivery] = await takeDeliveries(context, source, 1);
    const [extend, , ack] = operationsOn(delivery!, context.leaseMs);

    expectDone("the acknowledgement", (await settle(context, source, [ack!]))[0]);
    expectFailed("the extension", (await settle(context, source, [extend!]))[0], "lease_lost");
    expectDone("the second acknowledgement", (await settle(context, source, [ack!]))[0]);
  },
});

const inOrder = defineCase({
  requirement: "contract.results",
  name: "the results of a settlement are in the order of its operations, also if some of them fail",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const bodies = ["a", "b", "c", "d", "e"];
    const source = queue.open(bodies.length);
    await queue.sendBodies(...bodies);
    const [a, b, c, d, e] = await takeDeliveries(context, source, bodies.length);
    expectDone("an acknowledgement", (await settle(context, source, [ackOf(b!)]))[0]);

    const { leaseMs } = context;
    const results = await settle(context, source, [
      ackOf(a!),
      { kind: "extend", delivery: b!, leaseMs },
      { kind: "extend", delivery: c!, leaseMs },
      ackOf(d!),
      ackOf(b!),
      { kind: "release", delivery: e!, delayMs: 0 },
    ]);

    expectEqual("results", results.map(outcomeOf), ["ok", "lease_lost", "ok", "ok", "ok", "ok"]);
    const withLease = results.map((result) => result.ok && result.leaseUntil !== undefined);
    expectEqual(
      "results with a lease, of operations that were no extension",
      [...withLease.keys()].filter((index) => withLease[index] && index !== 2),
      [],
    );
    const [again] = await takeDeliveries(context, source, 1);
    expectEqual("the message that was released", textOf(again!.body), textOf(e!.body));
  },
});

const retained = defineCase({
  requirement: "contract.retention",
  name: "a settlement does not read its array after the call has returned its promise",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(2);
    await queue.sendBodies("settled", "kept");
    const [settled, kept] = await takeDeliveries(context, source, 2);

    const operations = [ackOf(settled!)];
    const settling = source.settle(operations);
    operations[0] = ackOf(kept!);
    operations.push(ackOf(kept!));
    expectEqual("results", (await context.waitFor("a settlement", settling)).map(outcomeOf), ["ok"]);

    const { leaseMs } = context;
    const results = await settle(context, source, [
      { kind: "extend", delivery: settled!, leaseMs },
      { kind: "extend", delivery: kept!, leaseMs },
    ]);
    expectEqual("extensions of the settled and of the other message", results.map(outcomeOf), [
      "lease_lost",
      "ok",
    ]);
  },
});

const closed = defineCase({
  requirement: "contract.closed",
  name: "a source settles after its stop, and rejects calls as permanent after its close, which may be repeated",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(3);
    await queue.sendBodies("one", "two");
    const [one, two] = await takeDeliveries(context, source, 2);

    expectEqual("messages that the stop returns", await context.waitFor("a stop", source.stop()), []);
    expectEqual("a poll after the stop", await context.waitFor("a poll", source.next(1, never)), []);
    expectDone("an acknowledgement after the stop", (await settle(context, source, [ackOf(one!)]))[0]);
    await context.waitFor("a close", source.close());
    await context.waitFor("a second close", source.close());

    const { driver } = queue;
    const other = (await queue.elsewhere()).driver;
    for (const count of ["a close", "a second close"])
      await context.waitFor(`${count} of a driver`, other.close());
    await expectRejection("a poll after the close", driver, source.next(1, never), "permanent");
    await expectRejection("a settlement after the close", driver, source.settle([ackOf(two!)]), "permanent");
  },
});

export const settlementCases: readonly ConformanceCase[] = [stale, afterAck, inOrder, retained, closed];
