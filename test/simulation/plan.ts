import type { EmulatedProvider } from "../../adapters/memory/index.ts";
import type { Limits } from "../../src/driver/index.ts";

/** What one run of a handler does. */
export interface PlannedRun {
  /** `stubborn` does not heed its signal, and returns long after its hard limit. */
  readonly outcome: "ok" | "throw" | "permanent" | "retry_after" | "stubborn";
  /** How long it takes. */
  readonly ms: number;
  /** The delay that `retry_after` asks for. */
  readonly retryAfterMs: number;
}

export interface PlannedMessage {
  readonly id: string;
  readonly type: string;
  /** When it is sent, in milliseconds from the beginning; several at one moment share a request. */
  readonly at: number;
  /** The process that sends it. */
  readonly by: number;
  readonly delayMs: number;
  readonly maxAttempts: number;
  /** Its runs in turn; the last one repeats. */
  readonly runs: readonly PlannedRun[];
}

/** A request, or a handler, at whose edge something can go wrong. */
export type Step =
  | "send first"
  | "send clone"
  | "send parked"
  | "send due"
  | "send dead letter"
  | "receive"
  | "receive parked"
  | "settle ack"
  | "settle extend"
  | "settle release"
  | "settle dead_letter"
  | "settle parked"
  | "handler";

export type FaultKind =
  /** One delivery reaches two receivers. */
  | "duplicate"
  /** One delivery comes after those behind it. */
  | "reorder"
  /** The broker ends one lease before its time. */
  | "expire"
  /** One process's extensions fail until its leases have ended. */
  | "mute"
  /** A request takes effect, and its answer is lost. */
  | "lost"
  /** One entry of a request fails. */
  | "partial"
  /** A process dies. */
  | "crash";

export interface PlannedFault {
  readonly kind: FaultKind;
  /** It happens at the first step that suits, from this moment on. */
  readonly after: number;
  /** The operation, or the very step, that it waits for; undefined is any. */
  readonly on: string | undefined;
  /** For a crash: whether the request has had its effect. */
  readonly side: "before" | "after";
  /** For a crash: whether it waits for its process to drain. */
  readonly draining: boolean;
  /** From 0 to 1: which entry, which error, how long. */
  readonly chance: number;
}

export interface PlannedProcess {
  /** Its clock less the broker's. */
  readonly skewMs: number;
  /** The types that it has handlers for. */
  readonly types: readonly string[];
}

export interface PlannedRestart {
  readonly at: number;
  readonly process: number;
}

/** All of one run that is chosen by chance before it begins. What happens is a function of this alone. */
export interface Plan {
  readonly seed: number;
  readonly personality: EmulatedProvider | "plain";
  /** Limits made shorter than the provider's, so that what lies beyond them comes within minutes. */
  readonly limits: Partial<Limits>;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly unknownTypeMaxAgeMs: number;
  /** The longest way of a request, there or back; 0 where all are answered at once. */
  readonly latencyMs: number;
  readonly processes: readonly PlannedProcess[];
  readonly messages: readonly PlannedMessage[];
  readonly faults: readonly PlannedFault[];
  /** Drains, each followed by a new process. */
  readonly restarts: readonly PlannedRestart[];
}

/** Times that all runs share, in milliseconds. */
export const times = {
  timeoutMs: 15_000,
  graceMs: 1_000,
  hardLimitMs: 4_000,
  drainMs: 4_000,
  backoff: { baseMs: 1_000, factor: 2, capMs: 20_000, jitter: true },
} as const;
