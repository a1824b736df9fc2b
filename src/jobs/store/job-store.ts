import type { FinalStatus, JobRow, JobStatus, Priority, StoredJob, StoredJobMessage } from "./job-row.ts";
import type { BirthAnswer, BirthChange, JobAnswer, JobChange } from "./change.ts";

/** The features of a store beyond the port. Proven by the cases of `queueport/jobs/conformance`. */
export interface JobStoreCapabilities {
  /** Whether records outlive the process. */
  readonly durable: boolean;
  /** Whether several processes can use the same records. */
  readonly shared: boolean;
  /** Whether `list` can search in payloads. */
  readonly search: boolean;
  /** Whether `listen` reports the changes of other processes, and so in how many milliseconds at most; 0 if it does not. */
  readonly pushMs: number;
  /** Whether a job can be created inside of a transaction of the application, by `bearIn`. @default false */
  readonly transactional?: boolean | undefined;
}

/** The parts of {@link JobData} that a read includes. */
export type JobPart = "message" | "result" | "saved" | "logs";

/** A selection of jobs. A job must meet all conditions; a list is met by each of its values. */
export interface StoredJobFilter {
  readonly status?: readonly JobStatus[] | undefined;
  readonly type?: readonly string[] | undefined;
  readonly queue?: readonly string[] | undefined;
  readonly priority?: readonly Priority[] | undefined;
  readonly tenant?: string | undefined;
  readonly tag?: string | undefined;
  readonly workerId?: string | undefined;
  /** The fingerprint or the code of the last error. */
  readonly error?: string | undefined;
  /** Created at or after this time, in epoch milliseconds. */
  readonly createdFrom?: number | undefined;
  /** Created before this time, in epoch milliseconds. */
  readonly createdBefore?: number | undefined;
  /** Whether only jobs whose hold has lapsed are meant: they are `processing`, and no run is known to go on. */
  readonly isStalled?: true | undefined;
  /** A text that the payload contains, as JSON. Refused by a store that cannot search. */
  readonly search?: string | undefined;
}

/** A place in a list: after this job. */
export interface ListPlace {
  readonly createdAt: number;
  readonly id: string;
}

/** One page of a list. */
export interface PageRequest {
  readonly limit: number;
  readonly order: "newest" | "oldest";
  /** @default 0 */
  readonly offset?: number | undefined;
  readonly after?: ListPlace | undefined;
  /** Jobs that are counted at most for the total. @default 10000 */
  readonly maxTotal?: number | undefined;
  /**
   * Jobs that are looked at one by one at most, if no index answers the filter. A store may look at a few more.
   * @default 100000
   */
  readonly maxExamined?: number | undefined;
}

/** The answer to {@link JobStore.list}: rows without their data. */
export interface StoredPage {
  readonly rows: readonly JobRow[];
  /** Jobs that match, counted up to `maxTotal`. */
  readonly total: number;
  /** Whether there are more than `total`, or may be: not all jobs were looked at. */
  readonly isTotalCapped: boolean;
  /** Whether there are more rows after this page, or may be, as `stoppedAt` is set. */
  readonly hasMore: boolean;
  /**
   * The last job that was looked at, if the store stopped before the page was full. The list goes on after this place. There
   * may be no row on the page.
   */
  readonly stoppedAt?: StopPlace | undefined;
}

/** The place in a list where a store stopped. */
export interface StopPlace extends ListPlace {
  /** Rows that are still to be skipped for the `offset` of the page. */
  readonly toSkip: number;
}

/** The place after which a list goes on; undefined if the page is the last one. */
export function placeAfterPage({ rows, hasMore, stoppedAt }: StoredPage): ListPlace | undefined {
  const last = stoppedAt ?? rows.at(-1);
  return hasMore && last !== undefined ? { createdAt: last.createdAt, id: last.id } : undefined;
}

/** The number of jobs in one state. */
export interface JobCount {
  readonly queue: string;
  readonly type: string;
  readonly status: JobStatus;
  readonly count: number;
}

/** The jobs that ended within one minute. */
export interface MinuteCount {
  /** The start of the minute, in epoch milliseconds. */
  readonly minute: number;
  readonly queue: string;
  readonly type: string;
  readonly status: FinalStatus | "retrying";
  readonly count: number;
  /** The sum of the durations of their last runs, in milliseconds. */
  readonly durationMs: number;
}

/** The options of {@link JobStore.takeDue}. */
export interface TakeOptions {
  /** The logical names of the queues that this process can reach; undefined for all. */
  readonly queues?: readonly string[] | undefined;
  /** Queues of which no job is taken, since this process is sending enough of them. @default none */
  readonly except?: readonly string[] | undefined;
  readonly limit: number;
  /** Milliseconds for which the jobs are taken: at most a minute. */
  readonly takenMs: number;
}

/** A job whose message is to be sent now. */
export interface DueJob {
  readonly row: JobRow;
  readonly message: StoredJobMessage;
}

/** The changes since a cursor. */
export interface ChangePage {
  /** Jobs that have changed, in the order of their last change. Changes of one job may be folded into one. */
  readonly rows: readonly JobRow[];
  /** The cursor after these changes. */
  readonly cursor: string;
  /** Whether more changes are there already. */
  readonly hasMore: boolean;
}

/** One worker process, as it reports itself. */
export interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
  readonly types: readonly string[];
  /** Handlers that can run at once, over all queues. */
  readonly slots: number;
  /** The ids of at most 100 jobs that run. */
  readonly running: readonly string[];
  readonly runningCount: number;
  /** Event-loop lag, in milliseconds. */
  readonly lagMs: number;
  /** Memory of the process, in bytes. */
  readonly rss: number;
  /** In epoch milliseconds. */
  readonly startedAt: number;
  /** When the row was written, in epoch milliseconds of the store's clock. Set by the store. */
  readonly seenAt: number;
}

/**
 * How long records are kept after the end of their job, in milliseconds. No record is deleted within an hour, whatever the
 * policy says.
 */
export interface PrunePolicy {
  readonly completedMs: number;
  readonly failedMs: number;
  readonly cancelledMs: number;
  /** Payloads, results and logs of completed jobs; their records stay. */
  readonly dataMs: number;
  /** Finished jobs that are kept at most, the latest. */
  readonly maxFinished: number;
}

/** The answer to {@link JobStore.prune}. */
export interface PruneOutcome {
  /** Jobs that were deleted. */
  readonly deleted: number;
  /** Jobs whose data was deleted. */
  readonly stripped: number;
  /** Whether more is to be done at once. */
  readonly hasMore: boolean;
}

/** The answer to {@link JobStore.migrate}. */
export interface MigrationOutcome {
  /** The version of the schema before. */
  readonly from: number;
  readonly to: number;
}

/** A hint that something has changed; it may be lost. `due`: a job is to be sent. */
export type StoreHint = "cancel" | "change" | "due";

/**
 * Remembers jobs. The broker carries them: no record decides whether a message is delivered. Records are kept per
 * namespace, so that several deployments can share one store.
 *
 * Methods reject with a `QueueError`: `store_unavailable` if the store cannot be reached, which is worth another try;
 * `config` if it is not usable, and says why.
 */
export interface JobStore {
  /** The name of the store in messages and labels, such as `sqlite`. */
  readonly name: string;
  readonly capabilities: JobStoreCapabilities;
  /**
   * Makes the namespace usable. The first caller's fingerprint names the broker that the namespace belongs to.
   * @throws QueueError `config` if the namespace has another fingerprint, if the schema is missing, or if it is newer
   */
  open(namespace: string, fingerprint: string): Promise<void>;
  /**
   * Applies changes in their order, as `transition` says, and answers each. Each is applied as a whole or not at all. All
   * are durable when the promise resolves. If it rejects, any of them may have been applied; each can be repeated. There
   * is at most one change of one job in a call.
   */
  apply(namespace: string, changes: readonly JobChange[]): Promise<JobAnswer[]>;
  /**
   * Applies one change at once, as `apply` does, and returns its answer. For a store that has nothing to wait for, as it is
   * in the memory of this process. Undefined if the change has to be applied by `apply`, as may be at any time. If it
   * throws, nothing was applied, and `apply` is called.
   */
  applyNow?(namespace: string, change: JobChange): JobAnswer | undefined;
  /**
   * Creates a job inside of a transaction of the application, by its client. The job exists once that is committed, and is then
   * due as any other; until then, nobody sees it. A job that is there already is left as it is. Set if the store is
   * `transactional`.
   *
   * @throws QueueError `invalid_options` if this is no client of a transaction of the same database
   */
  bearIn?(namespace: string, change: BirthChange, transaction: object): Promise<BirthAnswer>;
  /** Reads jobs by their ids, in that order. */
  get(
    namespace: string,
    ids: readonly string[],
    parts?: readonly JobPart[],
  ): Promise<(StoredJob | undefined)[]>;
  list(namespace: string, filter: StoredJobFilter, page: PageRequest): Promise<StoredPage>;
  /** The number of unfinished jobs. Exact. */
  counts(namespace: string): Promise<JobCount[]>;
  /** The jobs that ended since a time, by the minute. */
  minutes(namespace: string, since: number): Promise<MinuteCount[]>;
  /**
   * Takes jobs whose message is due, the one that is due first at the front. A job that a process took and did not confirm
   * is due again at the end of that time. No two callers are given the same job. A time that was written by a clock that
   * was set back since is not waited for, as `taken` says.
   */
  takeDue(namespace: string, options: TakeOptions): Promise<DueJob[]>;
  /**
   * When `takeDue` will next find a job, in epoch milliseconds of the store's clock: one that will be due, or one that a
   * process took and did not confirm in its time.
   */
  nextDueAt(namespace: string, queues?: readonly string[]): Promise<number | undefined>;
  /**
   * The changes since `cursor`; `undefined` asks for the cursor of now. No change is ever missed by a reader that goes on.
   * @throws QueueError `invalid_options` for a cursor that the records do not reach, as they were replaced by older ones
   */
  changedSince(namespace: string, cursor: string | undefined, limit: number): Promise<ChangePage>;
  /** Calls `listener` on changes of any process, until the returned function is called. */
  listen(namespace: string, listener: (hint: StoreHint, id: string) => void): () => void;
  /** Writes the row of a worker. `seenAt` is set by the store. */
  beat(namespace: string, worker: WorkerRow): Promise<void>;
  /** Removes the row of a worker. */
  leave(namespace: string, workerId: string): Promise<void>;
  /** All workers that were seen within the last 60 s. */
  workers(namespace: string): Promise<WorkerRow[]>;
  /** Finished jobs that `prune` would delete, the oldest first, with all of their data. For an archive. */
  prunable(namespace: string, policy: PrunePolicy, limit: number): Promise<StoredJob[]>;
  /**
   * Deletes what the policy does not keep, at most `limit` jobs. Unfinished jobs are never deleted.
   * @param ids the jobs that may be deleted; undefined for all. Data is dropped in any case.
   */
  prune(
    namespace: string,
    policy: PrunePolicy,
    limit: number,
    ids?: readonly string[],
  ): Promise<PruneOutcome>;
  /** Creates the schema, or brings it to the version of this program. Does nothing if it is current. */
  migrate(): Promise<MigrationOutcome>;
  /**
   * Epoch milliseconds of the store's clock. The sign of life by which an outage is known to be over, so it rejects while
   * the store cannot write.
   */
  now(): Promise<number>;
  /** Ends when all calls have ended. Idempotent. */
  close(): Promise<void>;
}

/** Milliseconds after which a worker that was not seen counts as gone. */
export const WORKER_GONE_MS = 60_000;
/** Milliseconds for which a finished job is kept at least, since a record that is gone cannot refuse a late duplicate. */
export const MIN_KEPT_MS = 3_600_000;
