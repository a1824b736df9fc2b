import type { Delivery } from "../driver/contract.ts";
import type { Member } from "../lib/in-flight-set.ts";

/** A message that this process holds a lease on. */
export interface Leased {
  readonly delivery: Delivery;
  readonly id: string;
  /** When it was received, in epoch milliseconds. */
  readonly receivedAt: number;
  /** When the lease ends unless it is extended, in epoch milliseconds. */
  leaseUntil: number;
  /** Membership in the lease keeper's set; undefined until the lease is kept. */
  held?: Member<Leased> | undefined;
  /** The extension under way, if there is one. */
  extending: Promise<void> | undefined;
  /** Called once, when the lease was lost or has ended. */
  onLeaseLost(): void;
}

/** A lease without a run: the message is moved or inspected, and nobody handles it. */
export function plainLease(delivery: Delivery, receivedAt: number): Leased {
  const { brokerId: id, leaseUntil } = delivery;
  return { delivery, id, receivedAt, leaseUntil, extending: undefined, onLeaseLost() {} };
}
