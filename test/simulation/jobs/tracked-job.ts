import type { RunOutcome } from "../../../src/jobs/store/change.ts";
import type { BrokerCopy, BrokerHeld } from "../driver-host.ts";
import type { PlannedJob, PlannedSend } from "./plan.ts";

/** One copy of a message that the broker has stored. */
export interface JobCopy extends BrokerCopy {
  readonly queue: string;
  readonly id: string;
  readonly message: TrackedJob;
  readonly generation: number;
}

/** A delivery that a process holds. */
export interface JobHeld extends BrokerHeld {
  readonly process: string;
  readonly copy: JobCopy;
  /** The run of it, if its handler was called. */
  run: ActiveRun | undefined;
  /** Whether a copy that replaces it is stored. */
  isReplaced: boolean;
}

/** One call of a handler. */
export interface ActiveRun {
  readonly process: string;
  readonly held: JobHeld;
  readonly signal: AbortSignal;
  /** The claim by which it runs. Undefined if it runs without one. */
  readonly grant: Grant | undefined;
  result: "running" | "ok" | "failed" | "died";
}

/** One claim that the store has granted. */
export interface Grant {
  readonly token: string;
  readonly fence: number;
  readonly process: string;
  readonly generation: number;
  readonly attempt: number;
  run: ActiveRun | undefined;
  /** The outcome of its run as it was recorded first. */
  ended: RunOutcome | undefined;
  /** How often the answer to it was asked for again. */
  repeats: number;
}

/** The history of one message. */
export interface TrackedJob {
  readonly planned: PlannedJob;
  readonly send: PlannedSend;
  readonly namespace: string;
  /** Whether other messages have its id. */
  readonly isShared: boolean;
  /** Undefined until it is known. */
  id: string | undefined;
  /** The result that its sender got. `refused` means that it was certainly not sent. */
  sent: "never" | "pending" | "accepted" | "unknown" | "refused";
  /** Number of calls of its handler, and of those that returned. */
  starts: number;
  oks: number;
  /** The processes in which its handler has returned, or was cancelled. */
  readonly overIn: Set<string>;
  /** Copies in the dead-letter queue, and how many there have been. */
  readonly letters: Set<string>;
  /** The newest generation of the dead letters that are there at the end; -1 if there are none. */
  letterGeneration: number;
  buried: number;
  /** Whether the broker has dropped it, since another message has its id. */
  isAbsorbed: boolean;
  /** When it is due, by the clock of the store. */
  dueAt: number;
  /** The highest checkpoint that the store has confirmed. */
  saved: number;
}

/** The history of one record. */
export interface TrackedRecord {
  readonly namespace: string;
  readonly id: string;
  readonly grants: Map<string, Grant>;
  /** Whether it is recorded that the job is completed, or cancelled, and nobody has asked for another run since. */
  isCompleted: boolean;
  isCancelled: boolean;
  /** How often an operator has asked for something. */
  cancels: number;
  reopens: number;
  redrives: number;
  /** Failed runs, and claims that lapsed, by generation. */
  readonly failures: Map<number, number>;
  readonly lapses: Map<number, number>;
  /** Runs without a claim, and deliveries that no run followed. Both may have cost attempts. */
  untracked: number;
  wasted: number;
  /** Generations of which a message was stored. */
  readonly sent: Set<number>;
  /** Ends that a process has kept, and that died with it. */
  isUnrecorded: boolean;
  isArchived: boolean;
  /** Whether the job was recorded before its message was sent. */
  isStoreBorn: boolean;
}

export function trackRecord(namespace: string, id: string): TrackedRecord {
  return {
    namespace,
    id,
    grants: new Map(),
    isCompleted: false,
    isCancelled: false,
    cancels: 0,
    reopens: 0,
    redrives: 0,
    failures: new Map(),
    lapses: new Map(),
    untracked: 0,
    wasted: 0,
    sent: new Set(),
    isUnrecorded: false,
    isArchived: false,
    isStoreBorn: false,
  };
}
