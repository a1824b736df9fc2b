import type { ServiceBusMessage, ServiceBusMessageBatch, ServiceBusSender } from "@azure/service-bus";
import { type Clock, DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import { driverError } from "./errors.ts";
import { MAX_ID_LENGTH, MAX_PROPERTIES_BYTES } from "./limits.ts";
import { CONTENT_TYPE, type NativePart, restoreNative } from "./native.ts";
import { scheduleMessage, unscheduledHandle } from "./schedule.ts";

/** Shared by all messages of one call of `Driver.send`. */
export interface SendContext {
  readonly sender: ServiceBusSender;
  /** Logical name of the queue. */
  readonly queue: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A message, with its index in the call. */
interface IndexedMessage {
  readonly index: number;
  readonly message: ServiceBusMessage;
}

type Results = SendResult[];

/**
 * Sends messages in as few batches as possible. A batch holds messages of one session only, and is accepted or refused as
 * a whole. After a failed batch, later messages of the same session are not sent, so that they do not overtake it.
 */
export async function sendAll(context: SendContext, messages: readonly Outgoing[]): Promise<SendResult[]> {
  const results: Results = [];
  const groups = new Map<string | undefined, IndexedMessage[]>();
  const scheduled: Promise<void>[] = [];
  const unscheduled: number[] = [];
  for (const [index, outgoing] of messages.entries()) {
    const problem = problemOf(outgoing);
    if (problem !== undefined) {
      results[index] = { ok: false, error: problem };
    } else if (outgoing.cancellable === true && outgoing.delayMs > 0) {
      const dueAt = new Date(context.clock.now() + outgoing.delayMs);
      const message = messageOf({ ...outgoing, delayMs: 0 }, context.clock);
      scheduled.push(
        scheduleMessage(context.sender, context.queue, message, dueAt, context.signal).then((result) => {
          results[index] = result;
        }),
      );
    } else {
      if (outgoing.cancellable === true) unscheduled.push(index);
      const group = groups.get(outgoing.orderingKey) ?? [];
      groups.set(outgoing.orderingKey, group);
      group.push({ index, message: messageOf(outgoing, context.clock) });
    }
  }
  await Promise.all([
    ...scheduled,
    ...[...groups.values()].map((group) => sendGroup(context, group, results)),
  ]);
  for (const index of unscheduled)
    if (results[index]?.ok === true) results[index] = { ok: true, handle: unscheduledHandle(context.queue) };
  return results;
}

async function sendGroup(
  context: SendContext,
  group: readonly IndexedMessage[],
  results: Results,
): Promise<void> {
  const rest = [...group];
  try {
    while (rest.length > 0) await sendSome(context, rest, results);
  } catch (error) {
    const failure = driverError(error, "Sending", "Send");
    for (const { index } of rest) results[index] = { ok: false, error: failure };
  }
}

/** Removes from `rest` as many messages as one request can hold, and sends them. */
async function sendSome(
  { sender, signal }: SendContext,
  rest: IndexedMessage[],
  results: Results,
): Promise<void> {
  const taken: IndexedMessage[] = [];
  const batch = rest.length > 1 ? await sender.createMessageBatch({ abortSignal: signal }) : undefined;
  while (batch !== undefined && rest[0] !== undefined && fits(batch, rest[0].message))
    taken.push(rest.shift() as IndexedMessage);
  // A message that fits no batch may fit alone, since the envelope of a batch repeats its properties.
  const alone = taken.length === 0 ? rest.shift() : undefined;
  if (alone !== undefined) taken.push(alone);
  let outcome: SendResult = { ok: true };
  try {
    await sender.sendMessages(alone?.message ?? (batch as ServiceBusMessageBatch), { abortSignal: signal });
  } catch (error) {
    outcome = { ok: false, error: driverError(error, "Sending", "Send") };
  }
  for (const { index } of taken) results[index] = outcome;
  if (outcome.ok || outcome.error.kind === "too_large") return;
  const notTried = new DriverError(
    "transient",
    `not sent, because an earlier message of the same batch or session failed: ${outcome.error.message}`,
  );
  for (const { index } of rest.splice(0)) results[index] = { ok: false, error: notTried };
}

function fits(batch: ServiceBusMessageBatch, message: ServiceBusMessage): boolean {
  return batch.tryAddMessage(message);
}

/** The error of a message that Service Bus would refuse. */
function problemOf({ attributes, orderingKey = "", dedupId = "" }: Outgoing): DriverError | undefined {
  let bytes = 0;
  for (const name in attributes)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attributes[name] as string);
  if (bytes > MAX_PROPERTIES_BYTES)
    return new DriverError(
      "too_large",
      `The attributes have ${bytes} bytes in total; Service Bus takes ${MAX_PROPERTIES_BYTES}.`,
    );
  for (const [field, id] of [
    ["ordering key", orderingKey],
    ["dedup id", dedupId],
  ] as const)
    if (id.length > MAX_ID_LENGTH)
      return new DriverError(
        "permanent",
        `The ${field} has ${id.length} characters; Service Bus takes ${MAX_ID_LENGTH}.`,
      );
  return undefined;
}

function messageOf(
  { body, attributes, delayMs, orderingKey, dedupId, native }: Outgoing,
  clock: Clock,
): ServiceBusMessage {
  const message: ServiceBusMessage = {
    // The SDK encodes any other type as JSON. Bytes are copied, since they belong to the caller once the call has returned.
    body: Buffer.from(body as string),
    contentType: CONTENT_TYPE,
    applicationProperties: { ...attributes },
  };
  // The core always gives a dedup id. The SDK cannot settle a message that has no message id.
  if (dedupId !== undefined) message.messageId = dedupId;
  if (orderingKey !== undefined) message.sessionId = orderingKey;
  const enqueuedAt = clock.now() + delayMs;
  if (delayMs > 0) message.scheduledEnqueueTimeUtc = new Date(enqueuedAt);
  if (native !== undefined) restoreNative(message, attributes, native as NativePart, enqueuedAt);
  return message;
}
