import { type Backoff, defaultBackoff } from "./backoff.ts";

/** The type of {@link defaults}. All times are in milliseconds. */
export interface Defaults {
  /** Failed runs after which a job is dead-lettered. */
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  /** Handlers that run at once on one queue. */
  readonly concurrency: number;
  /** Duration of a lease. */
  readonly leaseMs: number;
  /** Age at which a lease is extended. */
  readonly extendEveryMs: number;
  /** Time limit of one run. */
  readonly timeoutMs: number;
  /** Time from the abort of a handler's signal to the event `stuck`, and to the release of its message in a drain. */
  readonly graceMs: number;
  /** Time from a run's timeout to the moment at which its lease is given up. */
  readonly hardLimitMs: number;
  /**
   * Time for running handlers to end after a worker was stopped. With `graceMs` and the last requests, a worker has exited
   * within 28 s. Kubernetes kills a process after 30 s by default:
   * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination (2026-11)
   */
  readonly drainMs: number;
  /** Age at which a message of a type without a handler is dead-lettered. */
  readonly unknownTypeMaxAgeMs: number;
  /** Time after which a send is resolved or rejected. */
  readonly sendDeadlineMs: number;
  /**
   * Deliveries beyond `maxAttempts` after which a message counts as one that kills its process, and is dead-lettered.
   */
  readonly crashLoopMargin: number;
  /** Messages that one queue of the memory adapter holds. */
  readonly memoryCapacity: number;
}

/** The default of every option of queueport. */
export const defaults: Defaults = {
  maxAttempts: 5,
  backoff: defaultBackoff,
  concurrency: 10,
  leaseMs: 30_000,
  extendEveryMs: 10_000,
  timeoutMs: 300_000,
  graceMs: 5_000,
  hardLimitMs: 60_000,
  drainMs: 20_000,
  unknownTypeMaxAgeMs: 3_600_000,
  sendDeadlineMs: 30_000,
  crashLoopMargin: 5,
  memoryCapacity: 10_000,
};
