import type { Limits, QueueTraits } from "../driver/limits.ts";
import { QueueError } from "../errors.ts";

/** How a delay is carried: by the provider itself, or in the parking queue for a first hop of `delayMs`. */
export type DelayPlan =
  | { readonly via: "native"; readonly delayMs: number }
  | { readonly via: "parking"; readonly delayMs: number }
  /** In the delay store. */
  | { readonly via: "store"; readonly delayMs: number };

/** What goes to a delay store: nothing, where there is none; what the provider cannot hold; or everything. */
export type StoreUse = "none" | "beyond" | "all";

const NOW: DelayPlan = { via: "native", delayMs: 0 };

/**
 * Decides by the limits alone. A delay is never shortened in silence: what the provider cannot hold goes by parking,
 * and what cannot be parked is refused.
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
  // What this queue cannot hold itself, its parking queue, being of its kind, cannot either.
  return { via: "parking", delayMs: Math.min(delayMs, traits.nativeDelayMs) };
}

/**
 * How long a parked message waits for its next hop. Hops are shortened, and arrivals spread a little, by `random`:
 * a thousand messages that are due together neither hop nor arrive in one moment. Never early: the last hop ends
 * at the due time or up to a second (2 % of a short hop) after it.
 */
export function hopMs(remainingMs: number, maxHopMs: number, random: number): number {
  const late = remainingMs + Math.floor(random * Math.min(1_000, remainingMs * 0.02));
  if (late <= maxHopMs) return late;
  if (remainingMs <= maxHopMs) return maxHopMs;
  return Math.floor(maxHopMs * (1 - random * 0.1));
}
