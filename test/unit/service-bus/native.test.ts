import { ServiceBusClient, type ServiceBusMessage, type ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterAll, describe, expect, test } from "vitest";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { PermanentError } from "../../../src/errors.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Delivery } from "../../../src/driver/index.ts";
import { requeueCopy } from "../../../src/message/requeue.ts";

const queues = [
  "retry",
  "changed",
  "expired",
  "redrive",
  "bare",
  "own",
  { name: "default", timeToLiveMs: 90_000 },
];
const server = await startServiceBusServer({ queues });
const client = new ServiceBusClient(server.connectionString);
const driver = serviceBus({ connectionString: server.connectionString });
const never = new AbortController().signal;
afterAll(async () => {
  await driver.close();
  await client.close();
  await server.stop();
});

const FOREIGN: ServiceBusMessage = {
  body: Buffer.from(`{"type":"mail","payload":1}`),
  messageId: "their-id",
  subject: "mail",
  to: "somewhere",
  replyTo: "answers",
  replyToSessionId: "session",
  correlationId: "order-7",
  contentType: "text/x-json",
  partitionKey: "their-id",
  timeToLive: 60_000,
  applicationProperties: {
    priority: 5,
    urgent: true,
    ratio: 0.5,
    at: new Date(1_700_000_000_000),
    text: "5",
    nothing: null,
  },
};

async function sendForeign(queue: string, more: Partial<ServiceBusMessage> = {}): Promise<void> {
  const sender = client.createSender(queue);
  await sender.sendMessages({ ...FOREIGN, ...more });
  await sender.close();
}

async function delivered(queue: string): Promise<Delivery> {
  const source = driver.open(queue, { prefetch: 1, leaseMs: 30_000 });
  const [delivery] = await source.next(1, never);
  await source.settle([{ kind: "ack", delivery: delivery as Delivery }]);
  await source.stop();
  await source.close();
  return delivery as Delivery;
}

/** Sends a copy as a retry does. Returns what another program then receives. */
async function copied(
  queue: string,
  delivery: Delivery,
  changes: { attributes?: Record<string, string>; delayMs?: number } = {},
): Promise<ServiceBusReceivedMessage> {
  const attributes = changes.attributes ?? { ...delivery.attributes, qp_attempt: "1" };
  const copy = { ...requeueCopy(delivery, "id", "retry", attributes), delayMs: changes.delayMs ?? 0 };
  expect(await driver.send(queue, [copy], never)).toMatchObject([{ ok: true }]);
  const receiver = client.createReceiver(queue, { skipConvertingDate: true });
  const [message] = await receiver.receiveMessages(1);
  await receiver.close();
  return message as ServiceBusReceivedMessage;
}

describe("a copy of a foreign message", () => {
  test("keeps its fields, the types of its properties, and what is left of its time to live", async () => {
    await sendForeign("retry");
    const delivery = await delivered("retry");
    expect(delivery.attributes).toMatchObject({ priority: "5", urgent: "true", text: "5" });
    const copy = await copied("retry", delivery, { delayMs: 1_500 });
    const { body: _, messageId: __, timeToLive: ___, applicationProperties, ...fields } = FOREIGN;
    expect(copy).toMatchObject(fields);
    expect(copy.applicationProperties).toEqual({ ...applicationProperties, qp_attempt: "1" });
    // It counts from the time at which the copy is enqueued.
    expect(copy.timeToLive).toBeLessThanOrEqual(60_000 - 1_500);
    expect(copy.timeToLive).toBeGreaterThan(20_000);
  });

  test("has the value of a property that has changed since, as text", async () => {
    await sendForeign("changed");
    const delivery = await delivered("changed");
    const attributes = { ...delivery.attributes, priority: "6" };
    const { applicationProperties } = await copied("changed", delivery, { attributes });
    expect(applicationProperties).toMatchObject({ priority: "6", urgent: true });
  });

  test("expires at once, and never lives for ever, if its time to live ends before its delay", async () => {
    await sendForeign("expired", { timeToLive: 1_000 });
    const delivery = await delivered("expired");
    const copy = { ...requeueCopy(delivery, "id", "retry", delivery.attributes), delayMs: 1_200 };
    expect(await driver.send("expired", [copy], never)).toMatchObject([{ ok: true }]);
    const peeked = await client.createReceiver("expired").peekMessages(1);
    expect(peeked.map(({ timeToLive }) => timeToLive)).toEqual([1]);
  });

  test("has a new time to live, and its fields, after a redrive", async () => {
    await sendForeign("redrive");
    const queue = createQueue(driver);
    const stop = new AbortController();
    await queue.receive(
      "redrive",
      () => {
        stop.abort();
        throw new PermanentError("no");
      },
      { signal: stop.signal },
    );
    await queue.deadLetters("redrive").redrive();
    const receiver = client.createReceiver("redrive");
    const [message] = await receiver.receiveMessages(1);
    expect(message).toMatchObject({ subject: "mail", correlationId: "order-7", timeToLive: 60_000 });
    expect(message?.applicationProperties).toMatchObject({ priority: 5, urgent: true });
    await receiver.close();
  });

  test("has no content type if the original had none, and the time to live of its queue", async () => {
    const sender = client.createSender("default");
    await sender.sendMessages({ body: FOREIGN.body });
    await sender.close();
    const delivery = await delivered("default");
    const copy = await copied("default", delivery);
    expect(copy.contentType).toBeUndefined();
    expect((copy.expiresAtUtc as Date).getTime()).toBeGreaterThan(Date.now());
  });
});

test("a message of queueport has nothing that only the driver understands", async () => {
  await driver.send("own", [{ body: "{}", attributes: { type: "a" }, delayMs: 0, dedupId: "x" }], never);
  expect((await delivered("own")).native).toBeUndefined();
});
