import { QueueError } from "../../errors.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { withSaved } from "./saved-data.ts";
import type { JobAnswer, JobChange } from "./change.ts";
import type { StoredJob } from "./job-row.ts";
import type {
  ChangePage,
  DueJob,
  JobCount,
  JobPart,
  JobStore,
  JobStoreCapabilities,
  MigrationOutcome,
  MinuteCount,
  PageRequest,
  PruneOutcome,
  PrunePolicy,
  StoredJobFilter,
  StoredPage,
  StoreHint,
  TakeOptions,
  WorkerRow,
} from "./job-store.ts";
import { MemoryNamespace } from "./memory-namespace.ts";
import { transition } from "./transition.ts";

/** The options of {@link memoryJobStore}. */
export interface MemoryJobStoreOptions {
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
  /** Finished jobs that are kept; beyond that, the oldest are forgotten. A job takes about 1.5 KB. @default 10000 */
  readonly maxFinished?: number | undefined;
}

const MAX_FINISHED = 10_000;

/**
 * Creates a job store in the memory of this process, for tests and for applications of one process. Its records end with
 * the process.
 *
 * @example
 * import { createJobs, memoryJobStore } from "queueport/jobs";
 *
 * const jobs = await createJobs(queue, { store: memoryJobStore() });
 */
export function memoryJobStore(options: MemoryJobStoreOptions = {}): JobStore {
  return new MemoryJobStore(options);
}

class MemoryJobStore implements JobStore {
  readonly name = "memory";
  readonly capabilities: JobStoreCapabilities = { durable: false, shared: false, search: true, pushMs: 0 };
  readonly #clock: Clock;
  readonly #maxFinished: number;
  readonly #namespaces = new Map<string, MemoryNamespace>();
  #isClosed = false;

  constructor({ clock = systemClock, maxFinished = MAX_FINISHED }: MemoryJobStoreOptions) {
    this.#clock = clock;
    this.#maxFinished = maxFinished;
  }

  async open(namespace: string, fingerprint: string): Promise<void> {
    const space = this.#space(namespace);
    space.fingerprint ??= fingerprint;
    if (space.fingerprint === fingerprint) return;
    throw new QueueError(
      "config",
      `The namespace "${namespace}" of this job store belongs to other queues (${space.fingerprint}). Give createJobs another namespace.`,
    );
  }

  async apply(namespace: string, changes: readonly JobChange[]): Promise<JobAnswer[]> {
    const space = this.#space(namespace);
    const now = this.#clock.now();
    return changes.map((change) => applied(space, change, now));
  }

  applyNow(namespace: string, change: JobChange): JobAnswer {
    return applied(this.#space(namespace), change, this.#clock.now());
  }

  async get(
    namespace: string,
    ids: readonly string[],
    parts: readonly JobPart[] = [],
  ): Promise<(StoredJob | undefined)[]> {
    const space = this.#space(namespace);
    return ids.map((id) => {
      const entry = space.entry(id);
      return entry === undefined ? undefined : { row: entry.row, ...entry.read(parts) };
    });
  }

  async list(namespace: string, filter: StoredJobFilter, page: PageRequest): Promise<StoredPage> {
    return this.#space(namespace).list(filter, page, this.#clock.now());
  }

  async counts(namespace: string): Promise<JobCount[]> {
    return this.#space(namespace).counts();
  }

  async minutes(namespace: string, since: number): Promise<MinuteCount[]> {
    return this.#space(namespace).minutes(since);
  }

  async takeDue(namespace: string, options: TakeOptions): Promise<DueJob[]> {
    return this.#space(namespace).takeDue(options, this.#clock.now());
  }

  async nextDueAt(namespace: string, queues?: readonly string[]): Promise<number | undefined> {
    return this.#space(namespace).nextDueAt(queues);
  }

  async changedSince(namespace: string, cursor: string | undefined, limit: number): Promise<ChangePage> {
    return this.#space(namespace).changedSince(cursor, limit);
  }

  listen(namespace: string, listener: (hint: StoreHint, id: string) => void): () => void {
    return this.#space(namespace).listen(listener);
  }

  async beat(namespace: string, worker: WorkerRow): Promise<void> {
    this.#space(namespace).workers.set(worker.id, { ...worker, seenAt: this.#clock.now() });
  }

  async leave(namespace: string, workerId: string): Promise<void> {
    this.#space(namespace).workers.delete(workerId);
  }

  async workers(namespace: string): Promise<WorkerRow[]> {
    return this.#space(namespace).liveWorkers(this.#clock.now());
  }

  async prunable(namespace: string, policy: PrunePolicy, limit: number): Promise<StoredJob[]> {
    const space = this.#space(namespace);
    const entries = space.prunable(policy, this.#clock.now()).slice(0, limit);
    return entries.map((entry) => ({ row: entry.row, ...entry.read() }));
  }

  async prune(
    namespace: string,
    policy: PrunePolicy,
    limit: number,
    ids?: readonly string[],
  ): Promise<PruneOutcome> {
    return this.#space(namespace).prune(policy, limit, ids, this.#clock.now());
  }

  async migrate(): Promise<MigrationOutcome> {
    return { from: 1, to: 1 };
  }

  async now(): Promise<number> {
    return this.#clock.now();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #space(namespace: string): MemoryNamespace {
    if (this.#isClosed) throw new QueueError("closed", "The job store is closed.");
    let space = this.#namespaces.get(namespace);
    if (space === undefined) {
      space = new MemoryNamespace(this.#maxFinished);
      this.#namespaces.set(namespace, space);
    }
    return space;
  }
}

/** Applies one change, and answers it. */
function applied(space: MemoryNamespace, change: JobChange, now: number): JobAnswer {
  const entry = space.entry(change.id);
  const { row, answer, data, needsSaved } = transition(entry?.row, change, now);
  if (row !== undefined && (row !== entry?.row || data !== undefined)) space.write(entry, row, data, now);
  return needsSaved === true && answer.do === "run"
    ? withSaved(answer, entry?.read(["saved"]) ?? {})
    : answer;
}
