import type { Operation } from "../../../driver/contract.ts";
import { DriverError } from "../../../driver/error.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectAtLeast, expectAtMost, expectEqual } from "../../kit/expect.ts";
import { failSome } from "../../kit/interceptors.ts";
import { needsPartialFailure } from "../../kit/skips.ts";

const forGood = defineCase({
  requirement: "acknowledgement.partial",
  name: "an acknowledgement that fails for one message of a batch fails for that message alone",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const ids = await context.sendMany(client, queue, 10);
    const refused = new DriverError("permanent", "this one fails");
    let failing: unknown;
    client.interceptors.settle = (_queue, operations, pass) => {
      failing ??= operations.find(({ kind }) => kind === "ack")?.delivery.brokerId;
      const fails = ({ kind, delivery }: Operation): boolean =>
        kind === "ack" && delivery.brokerId === failing && delivery.deliveryCount === 1;
      return failSome(operations, fails, refused, pass);
    };
    const reported: string[] = [];

    client.receive(queue, inbox.handler(), {
      onEvent: (event) => event.event === "settle_failed" && reported.push(event.id),
    });
    await inbox.waitForMessages(10);
    await inbox.waitForRuns(11, context.leaseMs + context.timing.patienceMs);
    await context.pass(context.leaseMs + context.lateMs);

    const attempts = ids.map((id) => inbox.attempts(id).join(" then "));
    expectEqual("attempts", attempts.toSorted(), [...Array.from({ length: 9 }, () => "1"), "1 then 2"]);
    const repeated = ids.filter((id) => inbox.count(id) === 2);
    expectEqual("messages with a settle_failed event", reported, repeated);
  },
});

const temporarily = defineCase({
  requirement: "acknowledgement.partial",
  name: "an acknowledgement that fails temporarily is repeated while the lease lasts",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    await context.sendMany(client, queue, 10);
    const settlements = new Map<string, number>();
    client.interceptors.settle = (_queue, operations, pass) => {
      const fails = ({ kind, delivery }: Operation): boolean => {
        const before = settlements.get(delivery.brokerId) ?? 0;
        settlements.set(delivery.brokerId, before + 1);
        return kind === "ack" && before < 2;
      };
      return failSome(operations, fails, new DriverError("transient", "not now"), pass);
    };

    const receiver = client.receive(queue, inbox.handler());
    await inbox.waitForMessages(10);
    await receiver.stop();

    await context.expectEmpty(queue);
    expectEqual("duplicates", inbox.duplicates, 0);
    expectAtLeast("acknowledgements of each message", Math.min(...settlements.values()), 3);
  },
});

const atServer = defineCase({
  requirement: "acknowledgement.partial",
  name: "a settlement that the server refuses affects that message alone",
  skip: needsPartialFailure("failSettleEntry"),
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const ids = await context.sendMany(client, queue, 10);
    const failed = await context.harness.faults!.failSettleEntry!(queue);

    client.receive(queue, inbox.handler());
    await inbox.waitForAll(ids);
    await context.pass(2 * (context.leaseMs + context.lateMs));

    expectEqual("settlements that the server refused", failed(), 1);
    expectAtMost("duplicates", inbox.duplicates, 1);
  },
});

export const partialCases: readonly ConformanceCase[] = [forGood, temporarily, atServer];
