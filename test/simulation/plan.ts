import type { EmulatedProvider } from "../../adapters/memory/index.ts";
import type { Limits } from "../../src/driver/index.ts";

/** The planned behaviour of one run of a handler. */
export interface PlannedRun {
  /** `stubborn` ignores its signal, and returns long after its hard limit. */
  readonly outcome: "ok" | "throw" | "permanent" | "retry_after" | "stubborn";
  /** Duration of the run. */
  readonly ms: number;
  /** The delay that `retry_after` asks for. */
  readonly retryAfterMs: number;
}

export interface PlannedMessage {
  readonly id: string;
  readonly type: string;
  /** Time at which it is sent, in milliseconds from the beginning. Messages with the same time share a request. */
  readonly at: number;
  /** Index of the process that sends it. */
  readonly by: number;
  readonly delayMs: number;
  readonly maxAttempts: number;
  /** Runs of its handler, in order. The last one repeats. */
  readonly runs: readonly PlannedRun[];
}

/** A kind of request, or a handler. A fault can happen before and after each one. */
export type Step =
  | "send first"
  | "send copy"
  | "send delayed"
  | "send due"
  | "send dead letter"
  | "receive"
  | "receive delayed"
  | "receive dead letters"
  | "settle ack"
  | "settle extend"
  | "settle release"
  | "settle dead_letter"
  | "settle delayed"
  | "settle dead letters"
  | "handler"
  | "archive"
  | StoreStep;

/** A request of a job store: a change, named after its kind, or another method. */
export type StoreStep = `store ${string}`;

export type FaultKind =
  /** One delivery reaches two receivers. */
  | "duplicate"
  /** One delivery arrives after later ones. */
  | "reorder"
  /** The broker ends one lease early. */
  | "expire"
  /** The lease extensions of one process fail until its leases have expired. */
  | "mute"
  /** A request takes effect, and its answer is lost. */
  | "lost"
  /** One entry of a request fails. */
  | "partial"
  /** A process dies. */
  | "crash"
  /** A process stands still: no timer fires, and no answer arrives. */
  | "freeze"
  /** A request of the store is given up, and is applied later, also after its repetition. */
  | "late"
  /** Two requests of the store arrive in the reverse order. */
  | "reverse"
  /** The store finds the rows of a request locked. */
  | "locked"
  /** The store cannot be reached by one process. */
  | "cut"
  /** The store cannot be reached by any process. */
  | "down"
  /** The store answers slowly. */
  | "slow";

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Time from which it can happen, in milliseconds from the beginning. It happens at the first step that suits. */
  readonly after: number;
  /** The step, or the beginning of the step, that it waits for. `undefined` is any step. */
  readonly on: string | undefined;
  /** For a crash: whether it happens before or after the request takes effect. */
  readonly side: "before" | "after";
  /** For a crash: whether it waits for its process to drain. */
  readonly draining: boolean;
  /** A number from 0 to 1 that selects the entry, the error, or the duration. */
  readonly chance: number;
}

export interface PlannedProcess {
  /** Difference between its clock and the broker's, in milliseconds. */
  readonly skewMs: number;
  /** Its clock is set during the run; undefined if it is not. */
  readonly clockSet?: { readonly at: number; readonly byMs: number } | undefined;
  /** Job types for which it has handlers. */
  readonly types: readonly string[];
}

export interface PlannedRestart {
  readonly at: number;
  readonly process: number;
}

/** The parts of a plan that say what happens to the broker and to the processes, whatever these do. */
export interface WorldPlan {
  readonly seed: number;
  readonly provider: EmulatedProvider | "plain";
  /** Limits that are shorter than the provider's, so that runs exceed them within minutes. */
  readonly limits: Partial<Limits>;
  readonly leaseMs: number;
  readonly concurrency: number;
  /** Longest time of a request or an answer on the network. 0 if every answer is immediate. */
  readonly latencyMs: number;
  readonly processes: readonly PlannedProcess[];
  readonly faults: readonly PlannedFault[];
  /** Processes that are drained and started again. */
  readonly restarts: readonly PlannedRestart[];
}

/** Everything in a run that is random. It is drawn before the run begins, so that a run repeats exactly. */
export interface Plan extends WorldPlan {
  readonly unknownTypeMaxAgeMs: number;
  readonly messages: readonly PlannedMessage[];
}

/** Time limits that all runs share, in milliseconds. */
export const times = {
  timeoutMs: 15_000,
  graceMs: 1_000,
  hardLimitMs: 4_000,
  drainMs: 4_000,
  backoff: { baseMs: 1_000, factor: 2, capMs: 20_000, jitter: true },
} as const;
