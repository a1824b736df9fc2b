import type { Duration } from "../lib/duration.ts";
import type { NewMessage } from "../message/message.ts";
import type { JobSnapshot } from "./job-snapshot.ts";
import type { JobStore } from "./store/job-store.ts";

/** The options of `createJobs`. */
export interface JobsOptions {
  /**
   * The store that remembers the jobs: `memoryJobStore()`, or one of an adapter. It holds payloads as the codec of the queue
   * encodes them, and results, checkpoints, errors and log lines as they are.
   */
  readonly store: JobStore;
  /** The job definitions that senders and the REST API know. @default none */
  readonly definitions?: readonly { readonly type: string }[] | undefined;
  /** The queue of a message whose type names none. @default none: such a message needs `queue` */
  readonly queueOf?: ((message: NewMessage) => string | undefined) | undefined;
  /** Attempts of a job whose message and definition do not set them. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Separates deployments that share a store. @default the provider and the place of its queues */
  readonly namespace?: string | undefined;
  /**
   * Whether jobs `run` untracked while the store cannot be reached, or `wait` for it. Each job definition may say otherwise.
   * @default run
   */
  readonly whenStoreIsDown?: "run" | "wait" | undefined;
  /** Whether jobs are tracked whose type says nothing. @default full */
  readonly track?: "full" | "off" | undefined;
  /** Unfinished jobs that a queue may have, by its name. A send beyond it is refused as `queue_full`. @default no limit */
  readonly maxJobs?: Readonly<Record<string, number>> | undefined;
  readonly retention?: Retention | undefined;
  /** Takes finished jobs before they are deleted. @default none */
  readonly archive?: Archive | undefined;
  /** Whether the schema of the store is created or brought up to date. @default false */
  readonly migrate?: boolean | undefined;
  /** Called with conditions that an operator has to know about. @default a warning of the process */
  readonly onWarning?: ((code: string, message: string) => void) | undefined;
}

/** How long records are kept. A duration as a number is in milliseconds. */
export interface Retention {
  /** @default 7 days */
  readonly completed?: Duration | undefined;
  /** @default 30 days */
  readonly failed?: Duration | undefined;
  /** @default 7 days */
  readonly cancelled?: Duration | undefined;
  /**
   * Payloads, results and logs of completed jobs. An archive gets a record without them if it is shorter than `completed`.
   * @default 24 hours; with an archive, that of `completed`
   */
  readonly data?: Duration | undefined;
  /** Finished jobs that are kept at most. @default 1000000 */
  readonly maxJobs?: number | undefined;
  /** Time between two prunings by a worker. @default 1 minute */
  readonly every?: Duration | undefined;
}

/** Takes finished jobs before they are deleted. They are deleted once the promise has resolved. */
export type Archive = (jobs: readonly JobSnapshot[]) => Promise<void>;
