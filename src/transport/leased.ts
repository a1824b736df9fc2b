import type { Clock } from "../lib/clock.ts";
import type { Delivery } from "../driver/contract.ts";
import type { Member } from "../lib/in-flight-set.ts";

/** A message that this process holds a lease on. */
export interface Leased {
  readonly delivery: Delivery;
  readonly id: string;
  /** When it was received, in milliseconds of the monotonic clock. */
  readonly receivedAt: number;
  /** When the lease ends unless it is extended, in milliseconds of the monotonic clock. */
  leaseUntil: number;
  /** Membership in the lease keeper's set; undefined until the lease is kept. */
  held?: Member<Leased> | undefined;
  /** The extension under way, if there is one. */
  extending: Promise<void> | undefined;
  /** Called once, when the lease was lost or has ended. */
  onLeaseLost(): void;
}

/**
 * The end of a lease on the monotonic clock, from the time of day that the driver states. At most `leaseMs` from now, the
 * lease that was asked for: if the time of day was set back meanwhile, the stated end is too late.
 */
export function leaseEnd(clock: Clock, statedAt: number, leaseMs: number): number {
  return clock.monotonic() + Math.min(statedAt - clock.now(), leaseMs);
}

/** A lease without a run: the message is moved or inspected, and nobody handles it. */
export function plainLease(delivery: Delivery, clock: Clock, leaseMs: number): Leased {
  const { brokerId: id } = delivery;
  const receivedAt = clock.monotonic();
  const leaseUntil = leaseEnd(clock, delivery.leaseUntil, leaseMs);
  return { delivery, id, receivedAt, leaseUntil, extending: undefined, onLeaseLost() {} };
}
