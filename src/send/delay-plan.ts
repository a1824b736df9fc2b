import type { Limits, QueueTraits } from "../driver/limits.ts";
import { QueueError } from "../errors.ts";

/** The way to carry a delay: by the provider, by the delay queue with a first hop of `delayMs`, or by the delay store. */
export type DelayPlan =
  | { readonly via: "native"; readonly delayMs: number }
  | { readonly via: "delay_queue"; readonly delayMs: number }
  | { readonly via: "store"; readonly delayMs: number };

/** Delays that a delay store carries: none, those beyond the provider's longest, or all. */
export type StoreUse = "none" | "beyond" | "all";

const NOW: DelayPlan = { via: "native", delayMs: 0 };

/**
 * Chooses the way of a delay, from limits and traits alone. A delay is never shortened: one that the provider cannot hold
 * takes the delay queue, and without a delay queue it is refused.
 * @throws QueueError `not_supported`
 */
export function planDelay(
  delayMs: number,
  queue: string,
  keepsOrder: boolean,
  traits: QueueTraits,
  limits: Limits,
  store: StoreUse = "none",
): DelayPlan {
  if (delayMs === 0) return NOW;
  if (keepsOrder) {
    throw new QueueError(
      "not_supported",
      `A message with an ordering key cannot be delayed on the ordered queue "${queue}": it would block its key, or lose its place. Send it without a key, or to another queue.`,
      { queue },
    );
  }
  if (store === "all") return { via: "store", delayMs };
  if (delayMs <= traits.nativeDelayMs) return { via: "native", delayMs };
  if (store === "beyond") return { via: "store", delayMs };
  if (limits.maxHopMs <= 0) {
    throw new QueueError(
      "not_supported",
      `Queue "${queue}" takes delays of up to ${traits.nativeDelayMs} ms; got ${delayMs} ms.`,
      { queue },
    );
  }
  // The delay queue is a queue of the same kind, so it holds no longer delay than this queue.
  return { via: "delay_queue", delayMs: Math.min(delayMs, traits.nativeDelayMs) };
}

/**
 * Milliseconds until the next hop of a message in the delay queue. `random` shortens hops and spreads arrivals a little, so
 * that a thousand messages that are due together neither hop nor arrive at one moment. The last hop is never early: it ends
 * at the due time, or up to 1 s (2 % of a short hop) after it.
 */
export function hopMs(remainingMs: number, maxHopMs: number, random: number): number {
  const late = remainingMs + Math.floor(random * Math.min(1_000, remainingMs * 0.02));
  if (late <= maxHopMs) return late;
  if (remainingMs <= maxHopMs) return maxHopMs;
  return Math.floor(maxHopMs * (1 - random * 0.1));
}
