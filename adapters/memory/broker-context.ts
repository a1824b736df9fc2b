import type { Clock } from "../../src/driver/index.ts";
import type { Profile } from "./emulated-providers.ts";
import type { Content } from "./message.ts";

/** The parts of a driver that each of its queues uses. */
export interface BrokerContext {
  readonly clock: Clock;
  readonly profile: Profile;
  /** The largest number of messages in one queue. */
  readonly capacity: number;
  /** Returns an id that no other message of this driver has. */
  nextId(): string;
  /** Finds the queue to which the broker moves dead letters of `queue`. Undefined if there is none. */
  deadLettersOf(queue: string): DeadLetterTarget | undefined;
}

/** A queue as seen by the queue whose dead letters it receives. */
export interface DeadLetterTarget {
  /** The number of messages in it, in any state. */
  size(): number;
  /** Returns false if it is full. */
  acceptDeadLetter(content: Content): boolean;
}

/** Rounds up to the next whole multiple, as providers that count in seconds do. */
export function roundUp(ms: number, granularityMs: number): number {
  return granularityMs === 1 ? ms : Math.ceil(ms / granularityMs) * granularityMs;
}
