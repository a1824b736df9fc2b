import type { SendResult } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { TestTransaction } from "../../harness.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { DirectQueue, expectDone, expectRejection, takeWithin, textOf } from "../../kit/contract.ts";
import { expectEqual, expectRefusal, expectSame } from "../../kit/expect.ts";
import { countRequests } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";
import type { Skip } from "../../kit/skips.ts";
import { never } from "../../kit/source.ts";

const needsTransactions: Skip = ({ limits }) =>
  limits.transactional === true ? undefined : "the provider cannot send inside of a transaction";

/** Begins a transaction. A driver that declares transactions must have a harness that proves them. */
async function begin(context: CaseContext): Promise<TestTransaction> {
  const { harness } = context;
  if (harness.beginTransaction === undefined)
    throw new Error("limits.transactional is declared, and the harness has no beginTransaction to prove it");
  return context.waitFor("the begin of a transaction", harness.beginTransaction());
}

async function sendIn(
  context: CaseContext,
  { handle }: TestTransaction,
  queue: DirectQueue,
  ...bodies: readonly string[]
): Promise<SendResult[]> {
  const messages = bodies.map((body) => queue.outgoing(body));
  const sending = queue.driver.send(queue.name, messages, never, { transaction: handle });
  const results = await context.waitFor("a send in a transaction", sending);
  for (const [index, body] of bodies.entries()) expectDone(`the send of "${body}"`, results[index]);
  return results;
}

const committed = defineCase({
  requirement: "contract.transaction",
  name: "the messages of a transaction are delivered after its commit, and not before",
  alone: true,
  skip: needsTransactions,
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = (await queue.elsewhere()).open(3);
    const transaction = await begin(context);
    await sendIn(context, transaction, queue, "one", "two");
    await sendIn(context, transaction, queue, "three");

    const early = await takeWithin(context, source, 1, context.timing.unitMs);
    expectEqual("deliveries before the commit", early.length, 0);
    await context.waitFor("a commit", transaction.commit());
    const received = await takeWithin(context, source, 3, context.timing.patienceMs);

    const bodies = received.map(({ body }) => textOf(body));
    expectSame("messages after the commit", bodies, ["one", "two", "three"]);
  },
});

const rolledBack = defineCase({
  requirement: "contract.transaction",
  name: "the messages of a transaction that is rolled back are never delivered, and those outside of it are",
  alone: true,
  skip: needsTransactions,
  async run(context) {
    const queue = await DirectQueue.make(context);
    const transaction = await begin(context);
    await sendIn(context, transaction, queue, "rolled back");
    await context.waitFor("a roll-back", transaction.rollback());
    await queue.sendBodies("outside");

    const received = await takeWithin(context, queue.open(2), 2, context.timing.unitMs + context.lateMs);

    expectEqual(
      "messages",
      received.map(({ body }) => textOf(body)),
      ["outside"],
    );
  },
});

const portable = defineCase({
  requirement: "contract.transaction",
  name: "messages that are sent through the core in a transaction keep their order, their delay and their handles",
  alone: true,
  skip: needsTransactions,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const delayMs = 2 * context.timing.unitMs;
    const transaction = await begin(context);
    const options = { transaction: transaction.handle };
    const sentAt = context.now();
    const sending = [
      client.queue.send(queue, job(1), options),
      client.queue.send(queue, job(2), options),
      client.queue.sendDelayed(queue, job(3), delayMs, {
        ...options,
        cancellable: client.driver.limits.cancel,
      }),
    ];
    const [one, two, delayed] = await context.waitFor("three sends", Promise.all(sending));
    await context.waitFor("a commit", transaction.commit());

    client.receive(queue, inbox.handler(), { concurrency: 1 });
    await inbox.waitForMessages(3);

    expectEqual("messages in their order", inbox.ids, [one!.id, two!.id, delayed!.id]);
    const granularityMs = client.driver.limits.delayGranularityMs ?? 1;
    const lateMs = context.lateMs + granularityMs;
    context.expectOnTime("the delayed message", inbox.of(delayed!.id)[0]!.at, sentAt + delayMs, lateMs);
    if (client.driver.limits.cancel)
      expectEqual("a cancellation of what was delivered", await client.queue.cancel(delayed!.handle!), false);
  },
});

const foreign = defineCase({
  requirement: "contract.transaction",
  name: "an object that is no transaction of the provider is refused as permanent, and nothing is sent",
  skip: needsTransactions,
  async run(context) {
    const queue = await DirectQueue.make(context);
    const { driver } = queue;
    const sending = driver.send(queue.name, [queue.outgoing("lost?")], never, { transaction: { id: 7 } });
    await expectRejection("a send in no transaction", driver, sending, "permanent");
    const received = await takeWithin(context, queue.open(1), 1, context.timing.unitMs);
    expectEqual("messages", received.length, 0);
  },
});

const refused = defineCase({
  requirement: "contract.transaction",
  name: "a send in a transaction is refused as not_supported if the provider has none, and no request is made",
  skip: ({ limits }) =>
    limits.transactional === true ? "the provider can send inside of a transaction" : undefined,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    await client.queue.describe(queue);
    const requests = countRequests(client);
    await expectRefusal(
      "send",
      client.queue.send(queue, job(1), { transaction: {} }),
      "not_supported",
      queue,
    );
    const [outcome] = await client.queue.sendBatch(queue, [job(2)], { transaction: {} });
    expectEqual("the outcome of a batch", outcome?.ok === false && outcome.error.code, "not_supported");
    expectEqual("requests", requests(), 0);
  },
});

export const transactionCases: readonly ConformanceCase[] = [
  committed,
  rolledBack,
  portable,
  foreign,
  refused,
];
