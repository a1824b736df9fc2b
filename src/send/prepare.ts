import { delayMs as readDelay } from "../delay/delay.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { encode } from "../envelope.ts";
import { QueueError } from "../errors.ts";
import { completeMessage, type Message, type NewMessage } from "../message.ts";
import type { SendOptions } from "../queue.ts";
import { checkFirstSend } from "./fit.ts";

/** A message that has passed every check, ready to be sent. */
export interface Prepared {
  readonly message: Message;
  readonly outgoing: Outgoing;
  readonly delayMs: number;
  readonly keepsOrder: boolean;
}

/** Where a message is to go. */
export interface Destination {
  readonly queue: string;
  readonly provider: string;
  readonly traits: QueueTraits;
  readonly limits: Limits;
}

/** Checks all of a first send before anything leaves: the message, its payload, its size, what the queue can do. */
export function prepare(to: Destination, input: NewMessage, options: SendOptions, now: number): Prepared {
  const delayMs = options.delay === undefined ? 0 : readDelay(options.delay, now);
  const message = completeMessage(input, now, delayMs === 0 ? undefined : now + delayMs);
  const { traits } = to;
  if (input.orderingKey !== undefined && traits.ordering === "none") {
    throw unsupported(
      to,
      "does not keep order: leave orderingKey out, or create the queue with ordering by key",
    );
  }
  if (input.dedupId !== undefined && traits.dedupWindowMs === 0) {
    throw unsupported(to, "does not deduplicate: leave dedupId out, and let the handler tell repeated ids");
  }
  if (options.cancellable === true && !to.limits.cancel) {
    throw unsupported(
      to,
      "cannot cancel delayed messages: leave cancellable out, and let the handler check whether the job is still wanted",
    );
  }
  const outgoing: Outgoing = {
    ...encode(message),
    delayMs: 0,
    orderingKey: input.orderingKey ?? (traits.orderingKeyRequired ? message.id : undefined),
    dedupId: input.dedupId ?? message.id,
    cancellable: options.cancellable === true,
  };
  checkFirstSend(to.queue, outgoing, to.limits);
  return {
    message,
    outgoing,
    delayMs,
    keepsOrder: traits.ordering === "by_key" && input.orderingKey !== undefined,
  };
}

function unsupported({ queue, provider }: Destination, what: string): QueueError {
  return new QueueError("not_supported", `Queue "${queue}" (${provider}) ${what}.`, { queue });
}
