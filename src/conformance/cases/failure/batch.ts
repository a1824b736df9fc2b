import { DriverError } from "../../../driver/error.ts";
import type { SendOutcome } from "../../../queue/queue.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectAtMost, expectEqual, expectQueueError, expectSame } from "../../kit/expect.ts";
import { failSome } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";
import { needsPartialFailure } from "../../kit/skips.ts";
import type { TestClient } from "../../kit/test-client.ts";

const forGood = defineCase({
  requirement: "failure.batch",
  name: "a message of a batch that fails to be sent fails alone",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const error = new DriverError("permanent", "bad entry");
    client.interceptors.send = (_queue, messages, pass) =>
      failSome(messages, ({ body }) => String(body).includes(`${queue}/3`), error, pass);

    const outcomes = await sendTen(context, client, queue);

    const failed = outcomes.filter((outcome) => !outcome.ok);
    expectEqual(
      "messages that failed",
      failed.map(({ id }) => id),
      [`${queue}/3`],
    );
    expectQueueError("the failed message", errorOf(failed[0]), "provider", "bad entry", queue);
  },
});

const temporarily = defineCase({
  requirement: "failure.batch",
  name: "a message of a batch that fails temporarily is sent again alone",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const error = new DriverError("throttled", "slower");
    const isTheOne = (body: unknown): boolean => String(body).includes(`${queue}/3`);
    let [tries, others] = [0, 0];
    client.interceptors.send = (_queue, messages, pass) => {
      others += messages.filter(({ body }) => !isTheOne(body)).length;
      return failSome(messages, ({ body }) => isTheOne(body) && (tries += 1) <= 2, error, pass);
    };

    const outcomes = await sendTen(context, client, queue);

    const failed = outcomes.filter((outcome) => !outcome.ok);
    expectEqual(
      "messages that failed in the end",
      failed.map(({ id }) => id),
      [],
    );
    expectEqual("sends of the message that failed twice", tries, 3);
    expectEqual("sends of the other nine", others, 9);
  },
});

const invalid = defineCase({
  requirement: "failure.batch",
  name: "an invalid message in a batch is refused alone",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const wrong = { type: "job", payload: Number.NaN, id: "wrong" };

    const sending = client.queue.sendBatch(queue, [job(1), wrong, job(2)]);
    const outcomes = await context.waitFor("the batch", sending);
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(2);

    expectEqual(
      "outcomes",
      outcomes.map(({ ok }) => (ok ? "sent" : "refused")),
      ["sent", "refused", "sent"],
    );
    expectQueueError("the invalid message", errorOf(outcomes[1]), "invalid_payload");
    expectSame("payloads", inbox.payloads.map(String), ["1", "2"]);
  },
});

const atServer = defineCase({
  requirement: "failure.batch",
  name: "a message of a batch that the server refuses is reported alone",
  skip: needsPartialFailure("failSendEntry"),
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const failed = await context.harness.faults!.failSendEntry!(queue);

    const outcomes = await sendTen(context, client, queue);

    expectEqual("messages that the server refused", failed(), 1);
    expectAtMost("messages that are reported as failed", outcomes.filter(({ ok }) => !ok).length, 1);
  },
});

/** Sends a batch of ten, and asserts that exactly the messages that are confirmed arrive. Returns the outcomes. */
async function sendTen(context: CaseContext, client: TestClient, queue: string): Promise<SendOutcome[]> {
  const messages = Array.from({ length: 10 }, (_, index) => ({ ...job(index), id: `${queue}/${index}` }));
  const inbox = context.inbox();

  const outcomes = await context.waitFor("the batch", client.queue.sendBatch(queue, messages));
  const confirmed = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.id] : []));
  const receiver = client.receive(queue, inbox.handler());
  await inbox.waitForAll(confirmed);
  await context.pass(context.lateMs);
  await receiver.stop();

  expectEqual(
    "ids of the outcomes",
    outcomes.map(({ id }) => id),
    messages.map(({ id }) => id),
  );
  expectSame("messages that arrived", inbox.ids, confirmed);
  return outcomes;
}

function errorOf(outcome: SendOutcome | undefined): unknown {
  return outcome?.ok === false ? outcome.error : undefined;
}

export const batchCases: readonly ConformanceCase[] = [forGood, temporarily, invalid, atServer];
