import type { JobStatus } from "../../../src/jobs/index.ts";
import type { PlannedRun, WorldPlan } from "../plan.ts";
import type { Order } from "../process-group.ts";

/** The answer of a job type to an outage of the store. */
export type PlannedType = "runs" | "waits";

export interface PlannedJob {
  /** Names the message, whatever its id is. */
  readonly key: string;
  readonly type: PlannedType;
  readonly maxAttempts: number;
  /** Runs of its handler, in order. The last one repeats. */
  readonly runs: readonly PlannedRun[];
  /** Whether its handler saves a checkpoint in each run. */
  readonly saves: boolean;
}

/**
 * The way in which jobs are sent: `plain` and `batch` go to the broker first; `id`, `key` and `delayed` are recorded first;
 * `bare` is a message of the queue, of which the job system first hears by its claim.
 */
export type PlannedWay = "plain" | "batch" | "id" | "key" | "delayed" | "bare";

export interface PlannedSend extends Order {
  readonly kind: "send";
  readonly way: PlannedWay;
  /** One job, or those of one batch. */
  readonly jobs: readonly PlannedJob[];
  /** The id of the job, or its idempotency key. Undefined if it gets one. Several messages may have the same. */
  readonly id: string | undefined;
  readonly delayMs: number;
  /** Index of its queue. */
  readonly queue: number;
}

/** A sender that has got no answer, or is careless: it sends a job again, or another one by the same id. */
export interface PlannedRepeat extends Order {
  readonly kind: "repeat";
  readonly key: string;
  readonly isOther: boolean;
}

/** The actions of an operator. `move` moves a dead letter back as it was, as the console of a cloud does. */
export type Operation = "cancel" | "retry" | "force" | "promote" | "redrive" | "move" | "reconcile" | "prune";

export interface PlannedOperation extends Order {
  readonly kind: "operate";
  readonly what: Operation;
  readonly key: string;
  /** The state of the job that it waits for. `dead`: its dead letter is in the dead-letter queue. */
  readonly when: JobStatus | "dead" | "sent";
}

export type JobOrder = PlannedSend | PlannedRepeat | PlannedOperation;

/** Everything in a run of the job system that is random. */
export interface JobPlan extends WorldPlan {
  /** Whether the queues keep order by key, and deduplicate. */
  readonly isOrdered: boolean;
  /** Deliveries after which the broker itself dead-letters a message. */
  readonly brokerMaxDeliveries: number;
  /** Whether the last process is that of another deployment, with queues and a namespace of its own. */
  readonly hasStaging: boolean;
  /** Whether the store announces cancellations. */
  readonly isPushing: boolean;
  /** Whether an outage of the store takes an hour. */
  readonly isLongOutage: boolean;
  /** Whether the run goes on until its records are pruned. */
  readonly isPruned: boolean;
  readonly sends: readonly PlannedSend[];
  readonly repeats: readonly PlannedRepeat[];
  readonly operations: readonly PlannedOperation[];
}

/** The names of the queues, without the ending of ordered ones. The last one is that of the other deployment. */
export const QUEUES = ["jobs", "others", "staging"] as const;

/** All jobs of a plan. */
export function jobsOf({ sends }: Pick<JobPlan, "sends">): PlannedJob[] {
  return sends.flatMap(({ jobs }) => jobs);
}
