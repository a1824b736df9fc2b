import type { BrokerCopy, BrokerHeld } from "./driver-host.ts";
import type { PlannedMessage } from "./plan.ts";

/** One copy of a message that the broker has stored. */
export interface Copy extends BrokerCopy {
  readonly queue: string;
  readonly message: TrackedMessage;
  /** Number of real runs before this copy was stored, without those that were released. */
  readonly runsBefore: number;
  /** Number of real runs of this copy that count as attempts: those that were not released. */
  runs: number;
  /** Upper bound of the attempts before this copy was stored. */
  readonly deliveriesBefore: number;
  /** Number of deliveries of this copy. */
  deliveries: number;
  /** Whether it replaces a split copy. Two successors then exist, with different attempts and delays. */
  confused: boolean;
  /** Whether a fault has affected it since its last settlement, so that it may be redelivered early. */
  touched: boolean;
  /** The highest attempt of a run that failed. */
  failedAt: number;
  /** Earliest time of its next run, by the broker's clock. */
  notBefore: number;
}

/** A delivery that a process holds. */
export interface Held extends BrokerHeld {
  readonly copy: Copy;
  readonly attempt: number;
  /** Number of real runs before this delivery and of it. */
  runs: number;
  /** Whether a handler was called with it. */
  started: boolean;
  /** Whether its run was released without a failure. */
  released: boolean;
  /** Whether it may be acknowledged: its handler has succeeded, or a copy that replaces it is stored. */
  mayAck: boolean;
}

/** A run of a handler that has not ended. */
export interface ActiveRun {
  readonly held: Held;
  readonly process: string;
  readonly signal: AbortSignal;
}

/** The history of one message. */
export interface TrackedMessage {
  readonly planned: PlannedMessage;
  /** The result that its sender got. `refused` means that it was certainly not sent. */
  sent: "never" | "pending" | "accepted" | "unknown" | "refused";
  /** Due time, by the broker's clock. */
  dueAt: number;
  /** Number of runs. */
  starts: number;
  /** Number of runs that had to be followed by another, because they failed or were released. */
  repeats: number;
  /** Number of additional runs that faults excuse. */
  excused: number;
  /** Number of runs that failed. */
  failures: number;
  /** Number of deliveries that no run followed, or none that ended, because of a fault. */
  wasted: number;
  /** Number of `completed` events. */
  completed: number;
  /** Reasons of its dead letters. */
  readonly deadLetters: string[];
}

export function trackMessage(planned: PlannedMessage): TrackedMessage {
  return {
    planned,
    sent: "never",
    dueAt: 0,
    starts: 0,
    repeats: 0,
    excused: 0,
    failures: 0,
    wasted: 0,
    completed: 0,
    deadLetters: [],
  };
}
