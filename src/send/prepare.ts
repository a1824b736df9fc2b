import { delayMs as readDelay } from "../delay/delay.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { type Encoded, encode } from "../envelope.ts";
import { QueueError } from "../errors.ts";
import { completeMessage, type Message, type NewMessage } from "../message.ts";
import type { SendOptions } from "../queue.ts";
import { checkFirstSend } from "./fit.ts";

/** A message that has passed every check, ready to be sent. */
export interface Prepared {
  readonly message: Message;
  readonly outgoing: Outgoing;
  readonly bytes: number;
  readonly delayMs: number;
  readonly keepsOrder: boolean;
}

/** Where a message is to go. */
export interface Destination {
  readonly queue: string;
  readonly provider: string;
  readonly traits: QueueTraits;
  readonly limits: Limits;
  /** Whether a delay store can cancel what its provider cannot. @default false */
  readonly hasDelayStore?: boolean;
}

/** A message as it was given, with the body that travels. */
export interface Composed {
  readonly message: Message;
  readonly encoded: Encoded;
  readonly delayMs: number;
  readonly dedupId: string | undefined;
  readonly cancellable: boolean;
}

/**
 * Checks the message and its payload, and writes its body: before anything is waited for, since its caller may use
 * the object again as soon as the call has returned.
 */
export function compose(input: NewMessage, options: SendOptions, now: number): Composed {
  const delayMs = options.delay === undefined ? 0 : readDelay(options.delay, now);
  const message = completeMessage(input, now, delayMs === 0 ? undefined : now + delayMs);
  const { dedupId } = input;
  return { message, encoded: encode(message), delayMs, dedupId, cancellable: options.cancellable === true };
}

/** Checks the rest of a first send before anything leaves: its size, what the queue can do. */
export function prepare(to: Destination, composed: Composed): Prepared {
  const { message, encoded, delayMs, dedupId, cancellable } = composed;
  const { orderingKey } = message;
  const { traits } = to;
  if (orderingKey !== undefined && traits.ordering === "none") {
    throw unsupported(
      to,
      "does not keep order: leave orderingKey out, or create the queue with ordering by key",
    );
  }
  if (dedupId !== undefined && traits.dedupWindowMs === 0) {
    throw unsupported(to, "does not deduplicate: leave dedupId out, and let the handler tell repeated ids");
  }
  if (cancellable && !to.limits.cancel && to.hasDelayStore !== true) {
    throw unsupported(
      to,
      "cannot cancel delayed messages: leave cancellable out, and let the handler check whether the job is still wanted",
    );
  }
  const outgoing: Outgoing = {
    body: encoded.body,
    attributes: encoded.attributes,
    delayMs: 0,
    orderingKey: orderingKey ?? (traits.orderingKeyRequired ? message.id : undefined),
    dedupId: dedupId ?? message.id,
    cancellable,
  };
  const bytes = checkFirstSend(to.queue, outgoing, to.limits);
  return {
    message,
    outgoing,
    bytes,
    delayMs,
    keepsOrder: traits.ordering === "by_key" && orderingKey !== undefined,
  };
}

function unsupported({ queue, provider }: Destination, what: string): QueueError {
  return new QueueError("not_supported", `Queue "${queue}" (${provider}) ${what}.`, { queue });
}
