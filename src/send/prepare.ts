import { escapeNonCharacters, show } from "../lib/text.ts";
import { delayMs as readDelay } from "../message/delay.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { attributesOf, type Encoded, encodeWith, payloadJson as jsonOf } from "../message/envelope.ts";
import type { WireFormat } from "../message/format.ts";
import { QueueError } from "../errors.ts";
import type { Encoder } from "../message/encoder.ts";
import type { Message, NewMessage } from "../message/message.ts";
import { completeMessage } from "../message/new-message.ts";
import { withSystemAttributes } from "../message/system-attributes.ts";
import { ownKey } from "../message/own-key.ts";
import type { ManagedFacts, ManagedSendOptions } from "../queue/managed-receive.ts";
import { checkFirstSend } from "./fit.ts";
import type { SendPlan, SendTarget, SendTerms } from "./sender.ts";

/** A message that has passed every check, and its terms. */
export interface Prepared extends SendPlan {
  readonly message: Message;
  readonly outgoing: Outgoing;
}

/** A checked message, with its encoded body. */
export interface Composed {
  readonly message: Message;
  readonly encoded: Encoded;
  readonly payloadJson: string;
  readonly delayMs: number;
  readonly dedupId: string | undefined;
  /** Takes the place of the message's id on a queue that deduplicates. */
  readonly repeatId: string | undefined;
  readonly cancellable: boolean;
  /** System attributes that the sender sets. */
  readonly system: ManagedFacts["system"];
}

/**
 * Checks the message and its payload, and encodes the body. Synchronous, since the caller may reuse the object as soon as
 * the call has returned.
 */
export function compose(
  input: NewMessage,
  options: ManagedSendOptions,
  now: number,
  format?: WireFormat,
  queue: string = "",
): Composed {
  const delayMs = options.delay === undefined ? 0 : readDelay(options.delay, now);
  const { createdAt = now, scheduledAt = delayMs === 0 ? undefined : now + delayMs, system } = options;
  const { repeatId } = options;
  const message = completeMessage(input, createdAt, scheduledAt);
  const { dedupId } = input;
  // With a codec the body is written later, when the caller may have changed the headers.
  if (format?.codec !== undefined) Object.assign(message, { headers: { ...message.headers } });
  const payloadJson = jsonOf(message);
  const { encoding } = options;
  if (encoding !== undefined && format?.encode !== undefined) throw encodedAlready(queue, encoding);
  const encoded =
    format?.encode === undefined
      ? encodeWith(message, payloadJson, encoding)
      : encodeBy(format.encode, message, payloadJson, queue);
  const cancellable = options.cancellable === true;
  return { message, encoded, payloadJson, delayMs, dedupId, repeatId, cancellable, system };
}

function encodedAlready(queue: string, encoding: string): QueueError {
  return new QueueError(
    "not_supported",
    `The payload of a message for queue "${queue}" was encoded as ${show(encoding)} by a codec, and the encoder of this queue cannot say so. Send it by a queue that has no encoder.`,
    { queue },
  );
}

/** @throws QueueError `invalid_options` when the encoder returns no body */
function encodeBy(encoder: Encoder, message: Message, payloadJson: string, queue: string): Encoded {
  const { body, attributes } = encoder(message, payloadJson, queue);
  if (typeof body === "string")
    return { body: escapeNonCharacters(body), attributes: { ...attributesOf(message), ...attributes } };
  throw new QueueError("invalid_options", `The encoder of queue "${queue}" returned no text as the body.`, {
    queue,
  });
}

/**
 * Checks a first send against the queue, before anything is sent.
 * @throws QueueError `not_supported` for a trait that the queue does not have; `too_large`
 */
export function prepare(
  { limits, driver, delays }: SendTarget,
  queue: string,
  traits: QueueTraits,
  { message, encoded, delayMs, dedupId, repeatId, cancellable, system }: Composed,
  { deadlineMs, since, signal, transaction }: SendTerms,
): Prepared {
  const { orderingKey } = message;
  if (orderingKey !== undefined && traits.ordering === "none") {
    throw unsupported(
      queue,
      driver.provider,
      "does not keep order: leave orderingKey out, or create the queue with ordering by key",
    );
  }
  if (dedupId !== undefined && traits.dedupWindowMs === 0) {
    throw unsupported(
      queue,
      driver.provider,
      "does not deduplicate: leave dedupId out, and let the handler tell repeated ids",
    );
  }
  if (cancellable && !limits.cancel && delays === undefined) {
    throw unsupported(
      queue,
      driver.provider,
      "cannot cancel delayed messages: leave cancellable out, and let the handler check whether the job is still wanted",
    );
  }
  if (transaction !== undefined)
    checkTransaction(queue, driver.provider, limits, delays !== undefined && delayMs > 0);
  const outgoing: Outgoing = {
    body: encoded.body,
    attributes: system === undefined ? encoded.attributes : withSystemAttributes(encoded.attributes, system),
    delayMs: 0,
    orderingKey: orderingKey ?? (traits.orderingKeyRequired ? ownKey(message.id) : undefined),
    dedupId: dedupId ?? repeatId ?? message.id,
    cancellable,
  };
  return {
    message,
    outgoing,
    bytes: checkFirstSend(queue, outgoing, limits, traits),
    delayMs,
    keepsOrder: traits.ordering === "by_key" && orderingKey !== undefined,
    isFirst: true,
    deadlineMs,
    since,
    signal,
    transaction,
  };
}

/** @throws QueueError `not_supported` if the message could not be written into a transaction of the user */
function checkTransaction(queue: string, provider: string, limits: Limits, waitsInStore: boolean): void {
  if (limits.transactional !== true) {
    throw unsupported(
      queue,
      provider,
      "cannot send inside of a transaction: leave transaction out and send after the commit, or use a provider that keeps its messages in your database",
    );
  }
  if (waitsInStore) {
    throw unsupported(
      queue,
      provider,
      "keeps delayed messages in a delay store, which has no part in the transaction: send without a delay, or open the queue without the delay store",
    );
  }
}

function unsupported(queue: string, provider: string, what: string): QueueError {
  return new QueueError("not_supported", `Queue "${queue}" (${provider}) ${what}.`, { queue });
}
