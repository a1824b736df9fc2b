import { checkKeys, type Clock, type KnownKeys, QueueError } from "../../../src/driver/index.ts";
import type {
  BirthAnswer,
  BirthChange,
  ChangePage,
  DueJob,
  JobAnswer,
  JobChange,
  JobCount,
  JobPart,
  JobStore,
  JobStoreCapabilities,
  MigrationOutcome,
  MinuteCount,
  PageRequest,
  PruneOutcome,
  PrunePolicy,
  StoredJob,
  StoredJobFilter,
  StoredPage,
  StoreHint,
  TakeOptions,
  WorkerRow,
} from "../../../src/jobs/store/index.ts";
import type { ConnectionOptions } from "../connection/options.ts";
import { isPool } from "../connection/request-pool.ts";
import { migrate } from "../schema/migrate.ts";
import { applyAll } from "./apply-all.ts";
import { applyBatch, begun, type BatchOutcome } from "./batch.ts";
import { bornIn } from "./born-in.ts";
import { failed } from "../../sql/job-store/failure.ts";
import { isContended } from "./failure.ts";
import type { Run } from "./facets.ts";
import { listJobs } from "./lists.ts";
import { nextDueAt, takeDue } from "./outbox.ts";
import { beat, changedSince, countsOf, liveWorkers, minutesOf } from "./reports.ts";
import { prunable, prune } from "./retention.ts";
import { jobsPart } from "./schema.ts";
import { Session } from "./session.ts";
import { arrayOf, stored as storedText } from "./text.ts";
import { JOB_COLUMNS } from "./job-rows.ts";

/** The options of {@link postgresJobStore}: the database, by a `url` or a `Pool` of `pg`. */
export interface PostgresJobStoreOptions extends Omit<ConnectionOptions, "clock"> {
  /** The clock of the records. For tests. @default the clock of the server */
  readonly clock?: Clock | undefined;
}

const KEYS: KnownKeys<PostgresJobStoreOptions> = {
  url: true,
  client: true,
  schema: true,
  poolSize: true,
  requestTimeoutMs: true,
  listen: true,
  onWarning: true,
  clock: true,
};

/**
 * The time limit of a statement that writes, in milliseconds: shorter than the time after which a change is repeated, so that
 * no statement of the first try takes effect after the second one.
 */
const WRITE_MS = 1_900;
/**
 * Creates a job store in PostgreSQL, version 13 or later. It needs the package `pg`. Any number of processes may use the
 * same database. All times of records are those of the server.
 *
 * A change that was answered is as durable as a commit of the server. A process never changes the schema, unless `migrate`
 * is called.
 *
 * @throws QueueError `config` when an option is wrong, `invalid_options` when an option does not exist
 *
 * @example
 * import { createJobs } from "queueport/jobs";
 * import { postgresJobStore } from "queueport/postgres";
 *
 * const jobs = await createJobs(queue, { store: postgresJobStore({ url: process.env.DATABASE_URL }) });
 */
export function postgresJobStore(options: PostgresJobStoreOptions = {}): JobStore {
  return new PostgresJobStore(options);
}

class PostgresJobStore implements JobStore {
  readonly name = "postgres";
  readonly capabilities: JobStoreCapabilities = {
    durable: true,
    shared: true,
    search: true,
    pushMs: 250,
    transactional: true,
  };
  readonly #session: Session;
  readonly #clock: Clock | undefined;
  /** The numbers of the namespaces that were opened. */
  readonly #namespaces = new Map<string, number>();
  readonly #calls = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: PostgresJobStoreOptions) {
    checkKeys("postgresJobStore", options, KEYS);
    const { clock, ...connection } = options;
    // Found now, and not at the first job, whose changes need a transaction.
    if (connection.client !== undefined && !isPool(connection.client))
      throw new QueueError(
        "config",
        "postgresJobStore: client must be a Pool of pg, since a store needs transactions on several connections. Give a pool, or the url of the database.",
      );
    this.#clock = clock;
    this.#session = new Session(connection);
  }

  open(namespace: string, fingerprint: string): Promise<void> {
    return this.#call(async () => {
      const { ns, known } = await this.#session.open(namespace, fingerprint);
      if (known !== fingerprint) {
        throw new QueueError(
          "config",
          `The namespace "${namespace}" of the job store ${this.#session.place} belongs to other queues (${known}). Give createJobs another namespace.`,
        );
      }
      this.#namespaces.set(namespace, ns);
    }, true);
  }

  apply(namespace: string, changes: readonly JobChange[]): Promise<JobAnswer[]> {
    return this.#on(namespace, (_run, ns, { jobs }) =>
      applyAll(changes, async (some) => {
        const outcome = await this.#transaction("record jobs", (run, now) =>
          applyBatch(run, jobs, ns, some, now),
        );
        this.#committed(ns, outcome);
        return outcome.answers;
      }),
    );
  }

  bearIn(namespace: string, change: BirthChange, transaction: object): Promise<BirthAnswer> {
    return this.#on(namespace, (run, ns, { jobs }) =>
      bornIn({ own: run, jobs, ns, now: this.#clock?.now() }, change, transaction),
    );
  }

  get(
    namespace: string,
    ids: readonly string[],
    parts: readonly JobPart[] = [],
  ): Promise<(StoredJob | undefined)[]> {
    return this.#on(namespace, async (run, ns, { jobs }) => {
      const found = await run(
        `SELECT ${JOB_COLUMNS} FROM ${jobs.schema}.job k WHERE k.ns = $1 AND k.id = ANY($2::text[])`,
        [ns, arrayOf(ids.map((id) => storedText(id)))],
      );
      const rows = await jobs.decode(run, ns, found);
      const data = await jobs.data(run, rows, parts);
      const byId = new Map(rows.map((one) => [one.row.id, { row: one.row, ...data.get(one.job) }]));
      return ids.map((id) => byId.get(id));
    });
  }

  list(namespace: string, filter: StoredJobFilter, page: PageRequest): Promise<StoredPage> {
    return this.#on(namespace, async (run, ns, { jobs }) =>
      listJobs(run, jobs, ns, filter, page, await this.#now(run)),
    );
  }

  counts(namespace: string): Promise<JobCount[]> {
    return this.#on(namespace, (run, ns, { jobs }) => countsOf(run, jobs, ns));
  }

  minutes(namespace: string, since: number): Promise<MinuteCount[]> {
    return this.#on(namespace, async (run, ns, { jobs }) =>
      minutesOf(run, jobs, ns, since, await this.#now(run)),
    );
  }

  takeDue(namespace: string, options: TakeOptions): Promise<DueJob[]> {
    return this.#on(namespace, async (_run, ns, session) => {
      const taken = await this.#transaction("take due jobs", async (run, now) =>
        takeDue(run, session.jobs, ns, options, now),
      );
      this.#committed(ns, taken);
      return taken.due;
    });
  }

  nextDueAt(namespace: string, queues?: readonly string[]): Promise<number | undefined> {
    return this.#on(namespace, (run, ns, { jobs }) => nextDueAt(run, jobs, ns, queues));
  }

  changedSince(namespace: string, cursor: string | undefined, limit: number): Promise<ChangePage> {
    return this.#on(namespace, (run, ns, { jobs }) => changedSince(run, jobs, ns, cursor, limit));
  }

  listen(namespace: string, listener: (hint: StoreHint, id: string) => void): () => void {
    return this.#session.watcher.listen(this.#opened(namespace), listener);
  }

  beat(namespace: string, worker: WorkerRow): Promise<void> {
    return this.#on(namespace, async (run, ns, { jobs }) =>
      beat(run, jobs.schema, ns, worker, await this.#now(run)),
    );
  }

  leave(namespace: string, workerId: string): Promise<void> {
    return this.#on(namespace, async (run, ns, { jobs }) => {
      await run(`DELETE FROM ${jobs.schema}.job_worker WHERE ns = $1 AND id = $2`, [
        ns,
        storedText(workerId),
      ]);
    });
  }

  workers(namespace: string): Promise<WorkerRow[]> {
    return this.#on(namespace, async (run, ns, { jobs }) =>
      liveWorkers(run, jobs.schema, ns, await this.#now(run)),
    );
  }

  prunable(namespace: string, policy: PrunePolicy, limit: number): Promise<StoredJob[]> {
    return this.#on(namespace, async (run, ns, { jobs }) => {
      const rows = await prunable(run, jobs, ns, policy, limit, await this.#now(run));
      const data = await jobs.data(run, rows);
      return rows.map(({ row, job }) => ({ row, ...data.get(job) }));
    });
  }

  prune(
    namespace: string,
    policy: PrunePolicy,
    limit: number,
    ids?: readonly string[],
  ): Promise<PruneOutcome> {
    return this.#on(namespace, async (_run, ns, { jobs }) => {
      try {
        return await this.#transaction("delete old jobs", (run, now) =>
          prune(run, jobs, ns, policy, { limit, ids, now }),
        );
      } catch (error) {
        if (!isContended(error)) throw error;
        // Another process deletes.
        return { deleted: 0, stripped: 0, hasMore: true };
      }
    });
  }

  migrate(): Promise<MigrationOutcome> {
    return this.#call(() => migrate(this.#session.connection, jobsPart), true);
  }

  now(): Promise<number> {
    return this.#call(() => this.#now(this.#session.run("read the time")));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
    await this.#session.close();
  }

  #committed(ns: number, { hints, facets }: Pick<BatchOutcome, "hints" | "facets">): void {
    this.#session.jobs.facets.committed(facets);
    if (hints !== undefined) this.#session.watcher.committed(ns, hints);
  }

  /** Epoch milliseconds of the clock of the records. */
  async #now(run: Run): Promise<number> {
    if (this.#clock !== undefined) return this.#clock.now();
    const [row] = await run("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now");
    return Number(row?.["now"]);
  }

  #transaction<Result>(action: string, work: (run: Run, now: number) => Promise<Result>): Promise<Result> {
    const { connection } = this.#session;
    const limitMs = Math.min(connection.requestTimeoutMs, WRITE_MS);
    const transaction = async (run: Run): Promise<Result> => {
      const now = await begun(run, limitMs);
      return work(run, this.#clock?.now() ?? now);
    };
    return connection.transaction(action, transaction, limitMs);
  }

  #on<Result>(
    namespace: string,
    operation: (run: Run, ns: number, session: Session) => Promise<Result>,
  ): Promise<Result> {
    return this.#call(() => {
      const ns = this.#opened(namespace);
      return operation(this.#session.run("use the job store"), ns, this.#session);
    });
  }

  #opened(namespace: string): number {
    if (this.#isClosed) throw closed();
    const ns = this.#namespaces.get(namespace);
    if (ns !== undefined) return ns;
    throw new QueueError(
      "config",
      `The namespace "${namespace}" of the job store ${this.#session.place} is not open. Call open first.`,
    );
  }

  /** Carries out a call, which `close` waits for, and words its error. */
  async #call<Result>(operation: () => Promise<Result>, isOpening = false): Promise<Result> {
    if (this.#isClosed) throw closed();
    const call = (async () => operation())();
    this.#calls.add(call);
    try {
      return await call;
    } catch (error) {
      throw failed(this.#session.place, error, isOpening);
    } finally {
      this.#calls.delete(call);
    }
  }
}

function closed(): QueueError {
  return new QueueError("closed", "The job store is closed.");
}
