import { checkKeys, type Clock, QueueError, systemClock } from "../../../src/driver/index.ts";
import {
  type BirthAnswer,
  type BirthChange,
  type ChangePage,
  type DueJob,
  type JobAnswer,
  type JobChange,
  type JobCount,
  type JobPart,
  type JobStore,
  type JobStoreCapabilities,
  type MigrationOutcome,
  type MinuteCount,
  type PageRequest,
  type PruneOutcome,
  type PrunePolicy,
  type StoredJob,
  type StoredJobFilter,
  type StoredPage,
  type StoreHint,
  type TakeOptions,
  type WorkerRow,
} from "../../../src/jobs/store/index.ts";
import { pathProblem } from "../../../src/lib/sqlite/database-file.ts";
import { migrateFile, openFile } from "./connection.ts";
import { bornIn } from "./born-in.ts";
import { failed, isDamage } from "./failure.ts";
import { listJobs } from "./lists.ts";
import { namespaceOf } from "./namespaces.ts";
import { changedSince, countsOf, minutesOf } from "./reports.ts";
import { Session } from "./session.ts";
import { inPaces } from "./paces.ts";
import { ApplyChanges, Task } from "./store-change.ts";
import { beat, leave, liveWorkers } from "./workers.ts";

/** The options of {@link sqliteJobStore}. */
export interface SqliteJobStoreOptions {
  /**
   * Path of the database file. `migrate` creates a missing file or folder, and only this user can read it. `:memory:` keeps
   * the records in this process only.
   */
  readonly path: string;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** Milliseconds after which a long list lets the event loop go on. */
const PAUSE_AFTER_MS = 5;

/**
 * Creates a job store in an SQLite file. It needs only `node:sqlite`. Several processes of one machine may use the file. A
 * network file system is not supported, since its locks do not hold.
 *
 * A process that is killed loses nothing that was answered. In a power cut, the births, cancellations and retries of jobs
 * are safe. Claims and ends of runs do not wait for the disk: those of the last moments may be missing then, and their
 * jobs may run again.
 *
 * @throws QueueError `config` when the path is no path, `invalid_options` when an option does not exist
 *
 * @example
 * import { createJobs } from "queueport/jobs";
 * import { sqliteJobStore } from "queueport/sqlite";
 *
 * const jobs = await createJobs(queue, { store: sqliteJobStore({ path: "jobs.db" }), migrate: true });
 */
export function sqliteJobStore(options: SqliteJobStoreOptions): JobStore {
  return new SqliteJobStore(options);
}

class SqliteJobStore implements JobStore {
  readonly name = "sqlite";
  readonly capabilities: JobStoreCapabilities;
  readonly #path: string;
  readonly #clock: Clock;
  #session: Promise<Session> | undefined;
  /** The session once it is open. */
  #open: Session | undefined;
  /** The numbers of the namespaces that were opened. */
  readonly #namespaces = new Map<string, number>();
  readonly #calls = new Set<Promise<unknown>>();
  /** The error by which the file was found to be damaged. It is not used again, even if a part of it can still be read. */
  #damage: unknown;
  #isClosed = false;

  constructor(options: SqliteJobStoreOptions) {
    checkKeys<SqliteJobStoreOptions>("sqliteJobStore", options, { path: true, clock: true });
    const { path, clock = systemClock } = options;
    const problem = pathProblem(path);
    if (problem !== undefined) throw new QueueError("config", `A job store ${problem}`);
    this.#path = path;
    this.#clock = clock;
    const isFile = path !== ":memory:";
    this.capabilities = {
      durable: isFile,
      shared: isFile,
      search: true,
      pushMs: isFile ? 250 : 0,
      transactional: isFile,
    };
  }

  open(namespace: string, fingerprint: string): Promise<void> {
    return this.#call(async () => {
      this.#session ??= openFile(this.#path).then((file) => this.#start(new Session(file, this.#clock)));
      const session = await this.#session.catch((error: unknown) => {
        this.#session = undefined;
        throw error;
      });
      const known = await this.#write(session, true, () =>
        namespaceOf(session.statements, namespace, fingerprint),
      );
      if (known.fingerprint !== fingerprint) {
        throw new QueueError(
          "config",
          `The namespace "${namespace}" of the job store ${this.#path} belongs to other queues (${known.fingerprint}). Give createJobs another namespace.`,
        );
      }
      this.#namespaces.set(namespace, known.ns);
    });
  }

  apply(namespace: string, changes: readonly JobChange[]): Promise<JobAnswer[]> {
    return this.#on(namespace, (session, ns) => {
      const all = new ApplyChanges(session.writer, ns, changes);
      session.changes.add(all);
      return all.done.promise;
    });
  }

  bearIn(namespace: string, change: BirthChange, transaction: object): Promise<BirthAnswer> {
    return this.#on(namespace, async (session, ns) => {
      session.file.check();
      return bornIn(session.file, this.#clock, { ns, change, transaction });
    });
  }

  get(
    namespace: string,
    ids: readonly string[],
    parts: readonly JobPart[] = [],
  ): Promise<(StoredJob | undefined)[]> {
    return this.#read(namespace, ({ jobs }, ns) =>
      ids.map((id) => {
        const stored = jobs.read(ns, id);
        if (stored === undefined) return undefined;
        return { row: stored.row, ...jobs.dataOf(stored, parts) };
      }),
    );
  }

  list(namespace: string, filter: StoredJobFilter, page: PageRequest): Promise<StoredPage> {
    return this.#read(namespace, ({ statements, jobs }, ns) => {
      let pausedAt = performance.now();
      const pause = async (): Promise<void> => {
        if (performance.now() - pausedAt < PAUSE_AFTER_MS) return;
        await new Promise(setImmediate);
        pausedAt = performance.now();
      };
      return listJobs(statements, jobs, ns, filter, page, this.#clock.now(), pause);
    });
  }

  counts(namespace: string): Promise<JobCount[]> {
    return this.#read(namespace, ({ jobs }, ns) => countsOf(jobs, ns));
  }

  minutes(namespace: string, since: number): Promise<MinuteCount[]> {
    return this.#read(namespace, ({ statements, jobs }, ns) =>
      minutesOf(statements, jobs, ns, since, this.#clock.now()),
    );
  }

  takeDue(namespace: string, options: TakeOptions): Promise<DueJob[]> {
    return this.#on(namespace, (session, ns) =>
      this.#write(session, false, () => session.outbox.take(ns, options, this.#clock.now())),
    );
  }

  nextDueAt(namespace: string, queues?: readonly string[]): Promise<number | undefined> {
    return this.#read(namespace, ({ outbox }, ns) => outbox.nextAt(ns, queues));
  }

  changedSince(namespace: string, cursor: string | undefined, limit: number): Promise<ChangePage> {
    return this.#read(namespace, ({ statements, jobs, writer }, ns) =>
      changedSince(statements, jobs, ns, cursor, limit, writer.lastSeq()),
    );
  }

  listen(namespace: string, listener: (hint: StoreHint, id: string) => void): () => void {
    const { session, ns } = this.#opened(namespace);
    try {
      return session.watcher.listen(ns, listener);
    } catch (cause) {
      throw failed(this.#path, cause);
    }
  }

  beat(namespace: string, worker: WorkerRow): Promise<void> {
    return this.#on(namespace, (session, ns) =>
      this.#write(session, false, () => beat(session.statements, ns, worker, this.#clock.now())),
    );
  }

  leave(namespace: string, workerId: string): Promise<void> {
    return this.#on(namespace, (session, ns) =>
      this.#write(session, false, () => leave(session.statements, ns, workerId)),
    );
  }

  workers(namespace: string): Promise<WorkerRow[]> {
    return this.#read(namespace, ({ statements }, ns) => liveWorkers(statements, ns, this.#clock.now()));
  }

  prunable(namespace: string, policy: PrunePolicy, limit: number): Promise<StoredJob[]> {
    return this.#read(namespace, ({ retention, jobs }, ns) =>
      retention
        .prunable(ns, policy, limit, this.#clock.now())
        .map((stored) => ({ row: stored.row, ...jobs.dataOf(stored) })),
    );
  }

  prune(
    namespace: string,
    policy: PrunePolicy,
    limit: number,
    ids?: readonly string[],
  ): Promise<PruneOutcome> {
    return this.#on(namespace, async (session, ns) => {
      const step = session.retention.prune(ns, policy, limit, ids, this.#clock.now());
      const write = <Made>(make: () => Made): Promise<Made> => this.#write(session, false, make);
      const { result, isComplete } = await inPaces(step, write, () => this.#isClosed);
      return isComplete ? result : { ...result, hasMore: true };
    });
  }

  migrate(): Promise<MigrationOutcome> {
    return this.#call(async () => {
      const { file, from, to } = await migrateFile(this.#path);
      // The records in memory are gone once their database is closed.
      if (this.#path !== ":memory:") file.close();
      else this.#session ??= Promise.resolve(this.#start(new Session(file, this.#clock)));
      return { from, to };
    });
  }

  /** Writes to the file, since a file that was deleted, or a full disk, can be noticed in no other way. */
  now(): Promise<number> {
    return this.#call(async () => {
      if (this.#damage !== undefined) throw this.#damage;
      const session = this.#open;
      if (session !== undefined) await this.#write(session, false, () => session.writer.touch());
      return this.#clock.now();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  #start(session: Session): Session {
    this.#open = session;
    return session;
  }

  /** Makes a change that is no change of a job, in the next transaction. */
  #write<Result>(session: Session, isDurable: boolean, write: () => Result): Promise<Result> {
    const task = new Task(write, { isDurable });
    session.changes.add(task);
    return task.done.promise;
  }

  #read<Result>(
    namespace: string,
    read: (session: Session, ns: number) => Result | Promise<Result>,
  ): Promise<Result> {
    return this.#on(namespace, async (session, ns) => {
      // A caller that reads again and again, until it finds a change, would otherwise never let it be written.
      if (session.changes.isBusy) await new Promise(setImmediate);
      session.file.check();
      return read(session, ns);
    });
  }

  #on<Result>(
    namespace: string,
    operation: (session: Session, ns: number) => Promise<Result>,
  ): Promise<Result> {
    return this.#call(() => {
      const { session, ns } = this.#opened(namespace);
      return operation(session, ns);
    });
  }

  #opened(namespace: string): { readonly session: Session; readonly ns: number } {
    if (this.#isClosed) throw new QueueError("closed", "The job store is closed.");
    const ns = this.#namespaces.get(namespace);
    if (ns !== undefined && this.#open !== undefined) return { session: this.#open, ns };
    throw new QueueError(
      "config",
      `The namespace "${namespace}" of the job store ${this.#path} is not open. Call open first.`,
    );
  }

  /** Carries out a call, which `close` waits for, and words its error. */
  async #call<Result>(operation: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new QueueError("closed", "The job store is closed.");
    const call = operation();
    this.#calls.add(call);
    try {
      return await call;
    } catch (cause) {
      if (isDamage(cause)) this.#damage = cause;
      throw failed(this.#path, cause);
    } finally {
      this.#calls.delete(call);
    }
  }
}
