import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { amqp, CODE, composite, encode, frames, RawClient } from "../../support/raw-amqp.ts";
import { startServer, stray, take, takeOne, textOf } from "./fixture.ts";

const clock = new FakeClock();
const { client, receiver, server } = await startServer({
  clock,
  queues: [
    "plain",
    "settled",
    "scheduled",
    "peeked",
    "expiring",
    { name: "locks", lockDurationMs: 500, maxDeliveryCount: 3 },
    { name: "once", duplicateDetectionWindowMs: 60_000 },
    { name: "mortal", timeToLiveMs: 200, deadLetterOnExpiration: true },
  ],
});

test("messages keep their bodies and properties, whether sent alone or in a batch", async () => {
  const sender = client.createSender("plain");
  const from = receiver("plain");
  await sender.sendMessages({
    body: Buffer.from("one"),
    messageId: "1",
    applicationProperties: { text: "ä", count: 7 },
  });
  await sender.sendMessages([
    { body: Buffer.from("two") },
    { body: Buffer.alloc(100_000, "x"), subject: "large" },
  ]);
  const messages = await take(from, 3);
  expect(messages.map((message) => textOf(message).slice(0, 3))).toEqual(["one", "two", "xxx"]);
  expect(messages[0]).toMatchObject({
    messageId: "1",
    deliveryCount: 0,
    state: "active",
    applicationProperties: { text: "ä", count: 7 },
  });
  expect(messages[1]?.messageId).toMatch(/^[0-9a-f]{32}$/);
  expect(messages[2]?.subject).toBe("large");
  for (const message of messages) await from.completeMessage(message);
  expect(await stray(from)).toEqual([]);
});

test("sends that Service Bus refuses are refused with its error codes", async () => {
  const sender = client.createSender("plain");
  await expect(sender.sendMessages({ body: Buffer.alloc(262_144) })).rejects.toMatchObject({
    code: "MessageSizeExceeded",
  });
  const properties = { large: "x".repeat(66_000) };
  await expect(sender.sendMessages({ body: "a", applicationProperties: properties })).rejects.toMatchObject({
    code: "MessageSizeExceeded",
  });
  await expect(client.createSender("missing").sendMessages({ body: "a" })).rejects.toMatchObject({
    code: "MessagingEntityNotFound",
  });
  await expect(client.createSender("plain/$DeadLetterQueue").sendMessages({ body: "a" })).rejects.toThrow(
    /cannot be sent/,
  );
});

test("a message is abandoned, deferred and dead-lettered with properties to set", async () => {
  await client
    .createSender("settled")
    .sendMessages({ body: Buffer.from("a"), applicationProperties: { count: 7 } });
  const from = receiver("settled");
  await from.abandonMessage(await takeOne(from), { note: "first" });
  const second = await takeOne(from);
  expect(second).toMatchObject({ deliveryCount: 1, applicationProperties: { count: 7, note: "first" } });
  await from.deferMessage(second);
  expect(await stray(from)).toEqual([]);
  const [deferred] = await from.receiveDeferredMessages(second.sequenceNumber!);
  expect(deferred?.state).toBe("deferred");
  await from.deadLetterMessage(deferred!, {
    deadLetterReason: "why",
    deadLetterErrorDescription: "because",
    more: "x",
  });
  const deadLetters = receiver("settled", { subQueueType: "deadLetter" });
  const deadLetter = await takeOne(deadLetters);
  expect(deadLetter).toMatchObject({
    deadLetterReason: "why",
    deadLetterErrorDescription: "because",
    applicationProperties: { count: 7, more: "x" },
  });
  expect(deadLetter.sequenceNumber?.toString()).toBe(second.sequenceNumber?.toString());
  await deadLetters.completeMessage(deadLetter);
});

test("a lock can be renewed, and a lock that expires counts as a failed delivery until the message is dead-lettered", async () => {
  await client.createSender("locks").sendMessages({ body: Buffer.from("a") });
  const from = receiver("locks");
  const first = await takeOne(from);
  await clock.advance(300);
  expect((await from.renewMessageLock(first)).getTime()).toBe(clock.now() + 500);
  await clock.advance(300);
  await from.renewMessageLock(first);
  await clock.advance(500);
  await expect(from.completeMessage(first)).rejects.toMatchObject({ code: "MessageLockLost" });
  await expect(from.renewMessageLock(first)).rejects.toMatchObject({ code: "MessageLockLost" });
  const second = await takeOne(from);
  expect(second.deliveryCount).toBe(1);
  await from.abandonMessage(second);
  await from.abandonMessage(await takeOne(from));
  const deadLetter = await takeOne(receiver("locks", { subQueueType: "deadLetter" }));
  expect(deadLetter).toMatchObject({
    deadLetterReason: "MaxDeliveryCountExceeded",
    deadLetterErrorDescription: "Message could not be consumed after 3 delivery attempts.",
    deliveryCount: 3,
  });
});

test("a message from a closed link is settled through the management node", async () => {
  await client.createSender("plain").sendMessages({ body: Buffer.from("a") });
  const [closed, other] = [receiver("plain"), receiver("plain")];
  const message = await takeOne(closed);
  await closed.close();
  await other.completeMessage(message);
  expect(await stray(other)).toEqual([]);
});

test("a message is scheduled by a send or by a request, and a scheduled message can be cancelled", async () => {
  const sender = client.createSender("scheduled");
  const from = receiver("scheduled");
  const dueAt = new Date(clock.now() + 600);
  await sender.sendMessages({ body: Buffer.from("sent"), scheduledEnqueueTimeUtc: dueAt });
  const [kept, cancelled] = await sender.scheduleMessages(
    [{ body: Buffer.from("requested") }, { body: Buffer.from("cancelled") }],
    dueAt,
  );
  await sender.cancelScheduledMessages(cancelled!);
  await expect(sender.cancelScheduledMessages(cancelled!)).rejects.toMatchObject({ code: "MessageNotFound" });
  expect((await from.peekMessages(5)).map(({ state }) => state)).toEqual(["scheduled", "scheduled"]);
  await clock.advance(599);
  expect(await stray(from)).toEqual([]);
  await clock.advance(1);
  const messages = await take(from, 2);
  expect(new Set(messages.map(textOf))).toEqual(new Set(["sent", "requested"]));
  for (const { enqueuedTimeUtc, sequenceNumber } of messages) {
    // A due message is enqueued under a new sequence number.
    expect(enqueuedTimeUtc!.getTime()).toBe(dueAt.getTime());
    expect(sequenceNumber!.toNumber()).toBeGreaterThan(kept!.toNumber());
  }
});

test("peeking returns all messages in pages, locked messages included", async () => {
  const sender = client.createSender("peeked");
  await sender.sendMessages([1, 2, 3].map((index) => ({ body: Buffer.from(`${index}`) })));
  const from = receiver("peeked");
  await takeOne(from);
  expect((await from.peekMessages(2)).map(textOf)).toEqual(["1", "2"]);
  expect((await from.peekMessages(2)).map(textOf)).toEqual(["3"]);
  expect(await from.peekMessages(2)).toEqual([]);
});

test("a message whose id was seen within the window is dropped without an error, also within one batch", async () => {
  const sender = client.createSender("once");
  await sender.sendMessages({ body: Buffer.from("a"), messageId: "x" });
  await sender.sendMessages([
    { body: Buffer.from("b"), messageId: "x" },
    { body: Buffer.from("c"), messageId: "y" },
    { body: Buffer.from("d"), messageId: "y" },
  ]);
  const from = receiver("once");
  expect((await take(from, 2)).map(textOf)).toEqual(["a", "c"]);
  expect(await stray(from)).toEqual([]);
});

test("a message expires after its own time to live or the time to live of its queue", async () => {
  await client.createSender("mortal").sendMessages({ body: Buffer.from("a") });
  await client.createSender("expiring").sendMessages({ body: Buffer.from("a"), timeToLive: 200 });
  await clock.advance(200);
  const deadLetter = await takeOne(receiver("mortal", { subQueueType: "deadLetter" }));
  expect(deadLetter.deadLetterReason).toBe("TTLExpiredException");
  expect(await stray(receiver("expiring"))).toEqual([]);
});

test("a receiver in receive-and-delete mode removes a message without settling it", async () => {
  await client.createSender("plain").sendMessages({ body: Buffer.from("a") });
  const from = receiver("plain", { receiveMode: "receiveAndDelete" });
  expect(textOf(await takeOne(from))).toBe("a");
  await from.close();
  expect(await stray(receiver("plain"))).toEqual([]);
});

test("the statistics count transfers, messages and settlements", async () => {
  server.resetStats();
  await client.createSender("plain").sendMessages([{ body: Buffer.from("a") }, { body: Buffer.from("b") }]);
  const from = receiver("plain");
  for (const message of await take(from, 2)) await from.completeMessage(message);
  expect(server.stats).toMatchObject({ transfersIn: 1, messagesIn: 2, transfersOut: 2, settlements: 2 });
});

test("a deferral counts as a delivery, and never makes a message a dead letter", async () => {
  server.createQueue({ name: "deferrals", maxDeliveryCount: 3 });
  await client.createSender("deferrals").sendMessages({ body: "a" });
  const from = receiver("deferrals");
  const message = await takeOne(from);
  expect(message.deliveryCount).toBe(0);
  await from.deferMessage(message);
  const again = async (): Promise<ServiceBusReceivedMessage> =>
    (await from.receiveDeferredMessages([message.sequenceNumber as never]))[0] as ServiceBusReceivedMessage;
  const deferred = await again();
  expect(deferred.deliveryCount).toBe(1);
  await from.abandonMessage(deferred);
  const abandoned = await again();
  expect(abandoned.deliveryCount).toBe(2);
  for (let count = 3; count < 6; count += 1) {
    await from.deferMessage(await (count === 3 ? Promise.resolve(abandoned) : again()));
    const [peeked] = await from.peekMessages(1, { fromSequenceNumber: message.sequenceNumber as never });
    expect(peeked).toMatchObject({ deliveryCount: count, state: "deferred" });
  }
});

test("message annotations, priority and durability of a sender arrive, also as a dead letter and in a schedule", async () => {
  server.createQueue("annotated");
  const raw = await RawClient.signedIn(server);
  const annotations = {
    "x-opt-mine": amqp.wrap_long(7),
    "x-opt-sequence-number": amqp.wrap_long(999),
    "x-opt-partition-key": "p",
  };
  raw.write(
    frames.sends(2, "annotated"),
    frames.transfer(
      2,
      1,
      Buffer.concat([
        encode(composite(0x70, [false, amqp.wrap_ubyte(7), amqp.wrap_uint(60_000)])),
        encode(amqp.described(amqp.wrap_ulong(0x72), amqp.wrap_symbolic_map(annotations))),
        encode(amqp.described(amqp.wrap_ulong(0x77), amqp.wrap("a"))),
      ]),
    ),
  );
  await raw.next(CODE.disposition);
  raw.close();
  const from = receiver("annotated");
  const message = await takeOne(from);
  const isAsSent = (received: ServiceBusReceivedMessage): void => {
    const { header, messageAnnotations = {} } = received["_rawAmqpMessage"];
    expect(header).toMatchObject({ durable: false, priority: 7, timeToLive: 60_000 });
    expect(messageAnnotations).toMatchObject({ "x-opt-mine": 7, "x-opt-sequence-number": 1 });
    expect(received.partitionKey).toBe("p");
  };
  isAsSent(message);
  await from.deadLetterMessage(message, { deadLetterReason: "a", deadLetterErrorDescription: "b" });
  isAsSent(await takeOne(receiver("annotated", { subQueueType: "deadLetter" })));
  await client.createSender("annotated").sendMessages({ body: "plain" });
  const { header } = (await takeOne(from))["_rawAmqpMessage"];
  expect([header?.durable, header?.priority]).toEqual([undefined, undefined]);
});
