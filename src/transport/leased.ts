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
  /** Where the keeper of its lease lists it. */
  held?: Member<Leased> | undefined;
  /** The extension that is under way. */
  extending: Promise<void> | undefined;
  /** Called once when the lease has gone to somebody else, or ended. */
  onLeaseLost(): void;
}
