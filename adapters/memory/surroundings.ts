import type { Clock } from "../../src/driver/index.ts";
import type { Content } from "./message.ts";
import type { Profile } from "./personalities.ts";

/** What a queue needs of the driver that it belongs to. */
export interface BrokerContext {
  readonly clock: Clock;
  readonly profile: Profile;
  /** Messages that one queue holds. */
  readonly capacity: number;
  /** An id that no other message of this driver has. */
  nextId(): string;
  /** Where the broker puts what it dead-letters from this queue; undefined where there is no such queue. */
  deadLettersOf(queue: string): DeadLetterQueue | undefined;
}

/** A queue as the one sees it whose dead letters it takes. */
export interface DeadLetterQueue {
  /** Messages in it, wherever they are. */
  size(): number;
  /** False where it is full. */
  acceptDeadLetter(content: Content): boolean;
}

/** Up to the next whole multiple, as providers that count in seconds do it. */
export function roundUp(ms: number, granularityMs: number): number {
  return granularityMs === 1 ? ms : Math.ceil(ms / granularityMs) * granularityMs;
}

/** What a lease that was asked for comes to. */
export function grantedLeaseMs(askedMs: number, fixedLeaseMs: number | undefined, profile: Profile): number {
  return fixedLeaseMs ?? Math.max(profile.minLeaseMs, roundUp(askedMs, profile.leaseGranularityMs));
}
