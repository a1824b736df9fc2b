import { type Backoff, defaultBackoff } from "./backoff.ts";

/** Every default of queueport, in one place. Times in milliseconds. */
export interface Defaults {
  /** Runs of a job that may fail before it is dead-lettered. */
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  /** Handlers running at once on one queue. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** A lease is extended when it is this old. */
  readonly extendEveryMs: number;
  readonly timeoutMs: number;
  /** Between the abort of a handler's signal and the event `stuck`. */
  readonly graceMs: number;
  /** Between a handler's timeout and the moment at which its lease is given up. */
  readonly hardLimitMs: number;
  /** Running handlers get this long on shutdown; inside the 30 s that Kubernetes gives. */
  readonly drainMs: number;
  readonly unknownTypeMaxAgeMs: number;
  /** A send is settled, one way or the other, after this long. */
  readonly sendDeadlineMs: number;
  /** Deliveries beyond `maxAttempts` at which a message that kills its process is dead-lettered. */
  readonly crashLoopMargin: number;
  /** Messages a queue of the memory adapter. */
  readonly memoryCapacity: number;
}

/** What holds where nothing else is said. */
export const defaults: Defaults = {
  maxAttempts: 5,
  backoff: defaultBackoff,
  concurrency: 10,
  leaseMs: 30_000,
  extendEveryMs: 10_000,
  timeoutMs: 300_000,
  graceMs: 5_000,
  hardLimitMs: 60_000,
  drainMs: 25_000,
  unknownTypeMaxAgeMs: 3_600_000,
  sendDeadlineMs: 30_000,
  crashLoopMargin: 5,
  memoryCapacity: 10_000,
};
