import { originalAttributes } from "../../../message/dead-letter-info.ts";
import type { Attributes, Delivery } from "../../../driver/contract.ts";
import { RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { allRedriven, redrive, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectAtLeast, expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { countRequests } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";
import {
  deadLetterIt,
  expectBody,
  largestBytes,
  RESERVED_BYTES,
  sendFull,
  sendLargest,
} from "../../kit/sizes.ts";
import { firstReason, needsCounts, needsHops } from "../../kit/skips.ts";
import { never, takeDeliveries, withSource } from "../../kit/source.ts";
import type { TestClient } from "../../kit/test-client.ts";
import { messageBytes } from "../../../driver/size.ts";

const largest = defineCase({
  requirement: "failure.full_size",
  name: "the largest message that can be sent is dead-lettered and redriven unchanged",
  // Megabytes are created, encoded and sent, which delays everything else in this process.
  alone: true,
  async run(context) {
    const mostBytes = largestBytes(context.declared.limits);
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();

    const size = await sendLargest(client, queue, mostBytes);
    await deadLetterIt(context, client, queue);
    const deadLetter = await waitForDeadLetter(context, client, queue);
    await redrive(context, client, queue, allRedriven(1));
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(1);

    expectAtLeast("bytes that can be used", size, mostBytes - RESERVED_BYTES - 2_048);
    const payload = "x".repeat(size);
    expectBody("the payload of the dead letter", deadLetter.message?.payload, payload);
    expectBody("the payload after the redrive", inbox.payloads[0], payload);
  },
});

const fullDeadLetter = defineCase({
  requirement: "failure.full_size",
  name: "a full-size message with the most attributes allowed is dead-lettered with its body unchanged",
  alone: true,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();

    const { body } = await sendFull(context, client, queue);
    await deadLetterIt(context, client, queue);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectBody("the body of the dead letter", deadLetter.body, body);
    await context.expectEmpty(queue);
  },
});

const foreignFull = defineCase({
  requirement: "failure.full_size",
  name: "a message of another producer that fills the provider's limit is dead-lettered after its attempts, with its body unchanged",
  // Megabytes are created, encoded and sent, which delays everything else in this process.
  alone: true,
  async run(context) {
    const { limits } = context.declared;
    const queue = await context.makeQueue({ maxAttempts: 2 });
    const client = await context.connect({ backoff: { baseMs: 0 } });
    const inbox = context.inbox();
    const mostBytes = largestBytes(limits);
    const shell = JSON.stringify({ type: "job", max_attempts: 2, payload: "" });
    // No attribute, and nothing left for one of queueport.
    const fill = mostBytes - messageBytes(shell, {}, limits);
    const body = JSON.stringify({ type: "job", max_attempts: 2, payload: "x".repeat(fill) });

    const [sent] = await client.driver.send(
      queue,
      [{ body, attributes: {}, delayMs: 0, dedupId: "full" }],
      never,
    );
    expectThat(
      "the send",
      sent?.ok === true,
      sent?.ok === false ? String(sent.error) : "no result",
      "success",
    );
    const receiver = client.receive(queue, inbox.failing(new Error("too much for me")));
    const deadLetter = await waitForDeadLetter(context, client, queue);
    await receiver.stop();

    expectEqual("runs", inbox.arrivals.length, 2);
    expectBody("the body of the dead letter", deadLetter.body, body);
    await context.expectEmpty(queue);
  },
});

const fullRedrive = defineCase({
  requirement: "failure.full_size",
  name: "a full-size message with the most attributes allowed is redriven with all of them",
  alone: true,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();

    const { body, attributes } = await sendFull(context, client, queue);
    const first = await takeOne(context, client, queue, "release");
    await deadLetterIt(context, client, queue);
    await redrive(context, client, queue, allRedriven(1));
    await deadLetterIt(context, client, queue);
    await redrive(context, client, queue, allRedriven(1));
    const last = await takeOne(context, client, queue, "ack");

    expectEqual("the attributes of the first delivery", ownAttributes(first), attributes);
    expectBody("the body after two redrives", last.body, body);
    expectEqual("the attributes after two redrives", ownAttributes(last), attributes);
  },
});

/** Takes the only message of a queue through the driver alone, and settles it. */
function takeOne(
  context: CaseContext,
  client: TestClient,
  queue: string,
  kind: "ack" | "release",
): Promise<Delivery> {
  return withSource(context, client, queue, 1, async (source) => {
    const [delivery] = await takeDeliveries(context, source, 1);
    await source.settle([{ kind, delivery: delivery!, delayMs: 0 }]);
    return delivery!;
  });
}

/** Returns the attributes of a delivery without those that queueport added. */
function ownAttributes({ attributes }: Delivery): Attributes {
  const all = Object.entries(originalAttributes(attributes));
  return Object.fromEntries(all.filter(([name]) => !name.startsWith("qp_")));
}

const fullRetry = defineCase({
  requirement: "failure.full_size",
  name: "a full-size message with the most attributes allowed is retried through delayed copies",
  skip: firstReason(needsHops, needsCounts),
  alone: true,
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect({ limits: { maxReleaseDelayMs: 0, nativeDelayMs: 0 } });
    const inbox = context.inbox();
    const handler = inbox.handler(({ attempt }) => {
      if (attempt < 3) throw new RetryAfterError(unitMs);
    });

    await sendFull(context, client, queue);
    client.receive(queue, handler);
    await inbox.waitForRuns(3, 2 * unitMs + patienceMs);

    const [first, second, third] = inbox.arrivals;
    expectEqual(
      "attempts",
      inbox.arrivals.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    // The message makes several transfers of megabytes on its way.
    const lateMs = 4 * context.lateMs;
    context.expectOnTime("the second run", second!.at, first!.at + unitMs, lateMs);
    context.expectOnTime("the third run", third!.at, second!.at + unitMs, lateMs);
  },
});

const tooLarge = defineCase({
  requirement: "failure.too_large",
  name: "a message over the size limit is refused before it is sent, with the limit in the error",
  skip: ({ limits }) =>
    Number.isFinite(limits.maxMessageBytes) || Number.isFinite(limits.maxBatchBytes)
      ? undefined
      : "the provider has no size limit",
  alone: true,
  async run(context) {
    const { limits } = context.declared;
    const mostBytes = Math.min(limits.maxMessageBytes, limits.maxBatchBytes);
    const queue = await context.makeQueue();
    const client = await context.connect();
    const requests = countRequests(client);
    const limit = String(mostBytes - RESERVED_BYTES);
    const send = (payload: string): Promise<unknown> => client.queue.send(queue, job(payload));

    await expectRefusal("a long message", send("x".repeat(mostBytes)), "too_large", limit, queue);
    // The limit counts bytes, and each of these characters has three.
    await expectRefusal("a message of wide characters", send("漢".repeat(mostBytes / 3)), "too_large", limit);

    expectEqual("requests", requests(), 0);
    await context.expectEmpty(queue);
  },
});

export const sizeCases: readonly ConformanceCase[] = [
  largest,
  fullDeadLetter,
  foreignFull,
  fullRedrive,
  fullRetry,
  tooLarge,
];
