import { delayMs as readDelay } from "../message/delay.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { type Encoded, encode } from "../message/envelope.ts";
import { QueueError } from "../errors.ts";
import { completeMessage, type Message, type NewMessage } from "../message/message.ts";
import { ownKey } from "../message/own-key.ts";
import type { SendOptions } from "../queue/queue.ts";
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
  readonly delayMs: number;
  readonly dedupId: string | undefined;
  readonly cancellable: boolean;
}

/**
 * Checks the message and its payload, and encodes the body. Synchronous, since the caller may reuse the object as soon as
 * the call has returned.
 */
export function compose(input: NewMessage, options: SendOptions, now: number): Composed {
  const delayMs = options.delay === undefined ? 0 : readDelay(options.delay, now);
  const message = completeMessage(input, now, delayMs === 0 ? undefined : now + delayMs);
  const { dedupId } = input;
  return { message, encoded: encode(message), delayMs, dedupId, cancellable: options.cancellable === true };
}

/**
 * Checks a first send against the queue, before anything is sent.
 * @throws QueueError `not_supported` for a trait that the queue does not have; `too_large`
 */
export function prepare(
  { limits, driver, delays }: SendTarget,
  queue: string,
  traits: QueueTraits,
  { message, encoded, delayMs, dedupId, cancellable }: Composed,
  { deadlineMs, since, signal }: SendTerms,
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
  const outgoing: Outgoing = {
    body: encoded.body,
    attributes: encoded.attributes,
    delayMs: 0,
    orderingKey: orderingKey ?? (traits.orderingKeyRequired ? ownKey(message.id) : undefined),
    dedupId: dedupId ?? message.id,
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
  };
}

function unsupported(queue: string, provider: string, what: string): QueueError {
  return new QueueError("not_supported", `Queue "${queue}" (${provider}) ${what}.`, { queue });
}
