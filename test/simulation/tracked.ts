import type { PlannedMessage } from "./plan.ts";

/** One copy of a message at the broker, from the moment it was stored. */
export interface Copy {
  readonly brokerId: string;
  readonly queue: string;
  readonly message: Tracked;
  /** Real runs before this copy was made, and of it. */
  readonly runsBefore: number;
  runs: number;
  /** What the attempts before this copy may amount to at most, and the deliveries of it. */
  readonly deliveriesBefore: number;
  deliveries: number;
  /** Whether faults have given it two owners at once. */
  split: boolean;
  /** Whether it comes from one that was split: two lines of it go on, whose attempts and waits differ. */
  confused: boolean;
  /** Whether a fault has touched it since its last verdict, so that it may come sooner than it was told to. */
  touched: boolean;
  /** The highest attempt of a run that failed. */
  failedAt: number;
  /** When it may be run again, by the broker's clock. */
  notBefore: number;
}

/** One process's hold on one delivery. */
export interface Held {
  readonly copy: Copy;
  readonly attempt: number;
  /** Real runs on the way to this delivery, and of it. */
  runs: number;
  /** What its handler knows it by. */
  readonly tag: string;
  /** Whether a handler has been given it. */
  started: boolean;
  /** Whether its handler was successful, or something that takes its place is stored: it may be acknowledged. */
  dealtWith: boolean;
  /** Whether an extension of it was made to fail. */
  muted: boolean;
}

/** One run of a handler that goes on. */
export interface Runner {
  readonly held: Held;
  readonly process: string;
  readonly signal: AbortSignal;
}

/** All that is known of one message. */
export interface Tracked {
  readonly planned: PlannedMessage;
  /** What its sender was told: `refused` is certainly not sent. */
  sent: "never" | "pending" | "accepted" | "unknown" | "refused";
  /** When it is due, by the broker's clock. */
  dueAt: number;
  starts: number;
  /** Runs that had to be followed by another: they failed, or were given back. */
  again: number;
  /** Runs beyond those that faults excuse. */
  excused: number;
  /** Successful runs whose result counted. */
  completed: number;
  readonly deadLetters: string[];
}

export function track(planned: PlannedMessage): Tracked {
  return {
    planned,
    sent: "never",
    dueAt: 0,
    starts: 0,
    again: 0,
    excused: 0,
    completed: 0,
    deadLetters: [],
  };
}
