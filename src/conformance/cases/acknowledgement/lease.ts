import type { Operation } from "../../../driver/contract.ts";
import { DriverError } from "../../../driver/error.ts";
import { isQueueError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { timingOf } from "../../harness.ts";
import { expectEqual, expectThat } from "../../kit/expect.ts";
import { failSome } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";

const expires = defineCase({
  requirement: "acknowledgement.lease",
  name: "a message whose lease expires is delivered again, and not before",
  async run(context) {
    const queue = await context.makeQueue();
    const doomed = await context.connect();
    const inbox = context.inbox();
    const hangs = inbox.handler(() => context.hang());
    const { id } = await doomed.queue.send(queue, job());

    // The lease begins at the provider, between this moment and the moment at which the message is seen.
    const askedAt = context.now();
    doomed.receive(queue, hangs, { concurrency: 1 });
    await inbox.waitForRunsOf(id, 1);
    const leasedAt = context.now();
    await doomed.kill();
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForRunsOf(id, 2);

    expectEqual("attempts", inbox.attempts(id), [1, 2]);
    if (context.declared.limits.leaseEndsWithConnection === true) {
      context.notes.push("the lease ends with the connection");
      return;
    }
    const dueAt = askedAt + context.leaseMs;
    const lateMs = context.lateMs + leasedAt - askedAt;
    context.expectOnTime("the second delivery", inbox.of(id)[1]!.at, dueAt, lateMs);
  },
});

const extended = defineCase({
  requirement: "acknowledgement.lease",
  name: "a handler that runs longer than its lease keeps the message by extensions and runs once",
  skip: ({ limits }, harness) =>
    limits.maxTotalLeaseMs < 5 * timingOf(harness).leaseMs
      ? `a message can be leased for at most ${limits.maxTotalLeaseMs} ms`
      : undefined,
  async run(context) {
    const queue = await context.makeQueue();
    const clients = [await context.connect(), await context.connect()];
    const ids = await context.sendMany(clients[0]!, queue, 3);
    const inbox = context.inbox();
    const [lost, aborted]: [string[], string[]] = [[], []];
    let finished = 0;
    const handler = inbox.handler(async ({ message }, { signal }) => {
      await context.sleep(3.5 * context.leaseMs, signal);
      if (signal.aborted) aborted.push(message.id);
      finished += 1;
    });

    const receivers = clients.map((client) =>
      client.receive(queue, handler, {
        onEvent: ({ event }) => event === "lease_lost" && lost.push(event),
      }),
    );
    await context.waitUntil("the end of 3 handlers", () => finished === 3, 5 * context.leaseMs);
    const drains = Promise.all(receivers.map((receiver) => receiver.requestStop()));
    await context.waitFor("two drains", drains);

    await context.expectEmpty(queue);
    for (const id of ids) expectEqual(`attempts of message ${id}`, inbox.attempts(id), [1]);
    expectEqual("handlers whose signal aborted", aborted, []);
    expectEqual("lease_lost events", lost, []);
  },
});

const lost = defineCase({
  requirement: "acknowledgement.lease",
  name: "a handler whose lease cannot be extended is aborted when the lease ends, and its result is ignored",
  async run(context) {
    const queue = await context.makeQueue();
    const [first, second] = [await context.connect(), await context.connect()];
    const inbox = context.inbox();
    const unreachable = new DriverError("transient", "extensions do not arrive");
    const acks: Operation[] = [];
    first.interceptors.settle = (_queue, operations, pass) => {
      // The same receiver may get the message again. Only the first delivery is the run that lost its lease.
      acks.push(...operations.filter((one) => one.kind === "ack" && one.delivery.deliveryCount === 1));
      return failSome(operations, ({ kind }) => kind === "extend", unreachable, pass);
    };
    let reason: unknown;
    const outlasts = inbox.handler(async (_arrival, { signal }) => {
      await context.sleep(context.leaseMs + context.lateMs / 2, signal);
      // A second run of the message may follow here, whose signal does not abort for its lease.
      reason ??= signal.reason;
    });

    const { id } = await first.queue.send(queue, job());
    const losing = first.receive(queue, outlasts);
    await context.waitUntil("the abort", () => reason !== undefined, context.leaseMs + context.lateMs);
    const losingEnds = losing.requestStop();
    const taking = second.receive(queue, inbox.handler());
    await inbox.waitForRunsOf(id, 2, context.leaseMs + context.timing.patienceMs);
    await context.waitFor("two drains", Promise.all([losingEnds, taking.requestStop()]));

    expectThat("the reason", isQueueError(reason, "lease_lost"), String(reason), "a lease_lost error");
    expectEqual("acknowledgements of the first run", acks.length, 0);
  },
});

export const leaseCases: readonly ConformanceCase[] = [expires, extended, lost];
