import type { ServiceBusMessage, ServiceBusMessageBatch, ServiceBusSender } from "@azure/service-bus";
import { type Clock, DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import { driverError } from "./errors.ts";
import { MAX_PROPERTIES_BYTES } from "./limits.ts";
import { handleOf } from "./names.ts";

/** What a send is made with. */
export interface SendContext {
  readonly sender: ServiceBusSender;
  /** The logical name, for handles. */
  readonly queue: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly index: number;
  readonly message: ServiceBusMessage;
}

type Results = SendResult[];

/**
 * Sends in as few batches as hold them: one session each, since a batch has one. A batch is accepted or refused as a
 * whole, and where one fails, those behind it are not tried: in an order they must not overtake.
 */
export async function sendAll(context: SendContext, messages: readonly Outgoing[]): Promise<SendResult[]> {
  const results: Results = [];
  const groups = new Map<string | undefined, Entry[]>();
  const scheduled: Promise<void>[] = [];
  for (const [index, outgoing] of messages.entries()) {
    const problem = problemOf(outgoing);
    if (problem !== undefined) {
      results[index] = { ok: false, error: problem };
    } else if (outgoing.cancellable === true && outgoing.delayMs > 0) {
      scheduled.push(schedule(context, outgoing, index, results));
    } else {
      const group = groups.get(outgoing.orderingKey) ?? [];
      groups.set(outgoing.orderingKey, group);
      group.push({ index, message: messageOf(outgoing, context.clock) });
    }
  }
  await Promise.all([
    ...scheduled,
    ...[...groups.values()].map((group) => sendGroup(context, group, results)),
  ]);
  return results;
}

async function sendGroup(context: SendContext, group: readonly Entry[], results: Results): Promise<void> {
  const rest = [...group];
  try {
    while (rest.length > 0) await sendSome(context, rest, results);
  } catch (error) {
    const failure = driverError(error, "Sending", "Send");
    for (const { index } of rest) results[index] = { ok: false, error: failure };
  }
}

/** Takes from `rest` what one request holds, and sends that. */
async function sendSome({ sender, signal }: SendContext, rest: Entry[], results: Results): Promise<void> {
  const taken: Entry[] = [];
  const batch = rest.length > 1 ? await sender.createMessageBatch({ abortSignal: signal }) : undefined;
  while (batch !== undefined && rest[0] !== undefined && fits(batch, rest[0].message))
    taken.push(rest.shift() as Entry);
  // What fits no batch, whose envelope repeats its properties, may fit alone.
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
    `not sent, since what goes before it failed: ${outcome.error.message}`,
  );
  for (const { index } of rest.splice(0)) results[index] = { ok: false, error: notTried };
}

function fits(batch: ServiceBusMessageBatch, message: ServiceBusMessage): boolean {
  return batch.tryAddMessage(message);
}

/** Only what is scheduled by itself has a number by which it can be cancelled. */
async function schedule(
  { sender, queue, clock, signal }: SendContext,
  outgoing: Outgoing,
  index: number,
  results: Results,
): Promise<void> {
  try {
    const at = new Date(clock.now() + outgoing.delayMs);
    const [sequence] = await sender.scheduleMessages(messageOf({ ...outgoing, delayMs: 0 }, clock), at, {
      abortSignal: signal,
    });
    // A repeated id is dropped without a word, and without a number.
    results[index] =
      sequence === undefined ? { ok: true } : { ok: true, handle: handleOf(queue, sequence.toString()) };
  } catch (error) {
    results[index] = { ok: false, error: driverError(error, "Scheduling", "Send") };
  }
}

function problemOf({ attributes, orderingKey = "", dedupId = "" }: Outgoing): DriverError | undefined {
  let bytes = 0;
  for (const name in attributes)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attributes[name] as string);
  if (bytes > MAX_PROPERTIES_BYTES)
    return new DriverError(
      "too_large",
      `The attributes have ${bytes} bytes together; Service Bus takes ${MAX_PROPERTIES_BYTES}.`,
    );
  for (const [what, id] of [
    ["ordering key", orderingKey],
    ["dedup id", dedupId],
  ] as const)
    if (id.length > MAX_ID)
      return new DriverError(
        "permanent",
        `The ${what} has ${id.length} characters; Service Bus takes ${MAX_ID}.`,
      );
  return undefined;
}

const MAX_ID = 128;

function messageOf(
  { body, attributes, delayMs, orderingKey, dedupId }: Outgoing,
  clock: Clock,
): ServiceBusMessage {
  const message: ServiceBusMessage = {
    // Anything but a Buffer would be written as JSON.
    body:
      typeof body === "string"
        ? Buffer.from(body)
        : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    contentType: "application/json",
    applicationProperties: { ...attributes },
  };
  // The SDK cannot settle a message without an id.
  if (dedupId !== undefined) message.messageId = dedupId;
  if (orderingKey !== undefined) message.sessionId = orderingKey;
  if (delayMs > 0) message.scheduledEnqueueTimeUtc = new Date(clock.now() + delayMs);
  return message;
}
