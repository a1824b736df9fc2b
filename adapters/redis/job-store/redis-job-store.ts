import { randomBytes } from "node:crypto";
import { checkKeys, type Clock, type KnownKeys, QueueError } from "../../../src/driver/index.ts";
import type {
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
import { RedisConnection } from "../connection/redis-connection.ts";
import { applyChanges } from "./change-batch.ts";
import { failed } from "../../sql/job-store/failure.ts";
import { readJobs } from "./jobs-read.ts";
import { SCHEMA_VERSION } from "./keys.ts";
import { listJobs } from "./lists.ts";
import { nextDueAt, takeDue } from "./outbox.ts";
import { beat, changedSince, countsOf, liveWorkers, minutesOf } from "./reports.ts";
import { prunableJobs, prune } from "./retention.ts";
import { type WriteRows, writeRows } from "./row-writer.ts";
import { OPEN } from "./scripts.ts";
import { ServerTime } from "./server-time.ts";
import { Space, type StoreServer } from "./space.ts";
import { Watcher } from "./watcher.ts";

/** The options of {@link redisJobStore}: the server, by a `url` or a `client`. */
export interface RedisJobStoreOptions extends Omit<ConnectionOptions, "clock"> {
  /** The clock of the records. For tests. @default the clock of the server */
  readonly clock?: Clock | undefined;
}

const KEYS: KnownKeys<RedisJobStoreOptions> = {
  url: true,
  cluster: true,
  client: true,
  prefix: true,
  requestTimeoutMs: true,
  subscribe: true,
  clock: true,
};

/** Shorter than the time limits of those who wait for a record, so that a server that hangs is noticed. */
const REQUEST_TIMEOUT_MS = 4_000;

/**
 * Creates a job store in Redis 6.2 or later, or in Valkey. It needs the package `@redis/client`. Any number of processes may
 * use the same server. All times of records are those of the server.
 *
 * Records are as durable as the server keeps its data: with `appendonly yes`, they outlive its end. A failover to a replica
 * may lose those of the last moments, as Redis confirms a write before its replicas have it. There is no search in payloads.
 *
 * @throws QueueError `config` when an option is wrong, `invalid_options` when an option does not exist
 *
 * @example
 * import { createJobs } from "queueport/jobs";
 * import { redisJobStore } from "queueport/redis";
 *
 * const jobs = await createJobs(queue, { store: redisJobStore({ url: "redis://localhost:6379" }) });
 */
export function redisJobStore(options: RedisJobStoreOptions = {}): JobStore {
  return new RedisJobStore(options);
}

class RedisJobStore implements JobStore {
  readonly name = "redis";
  readonly capabilities: JobStoreCapabilities = { durable: true, shared: true, search: false, pushMs: 1_000 };
  readonly #server: StoreServer;
  readonly #watcher: Watcher;
  /** The namespaces that were opened. */
  readonly #spaces = new Map<string, Space>();
  readonly #calls = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: RedisJobStoreOptions) {
    checkKeys("redisJobStore", options, KEYS);
    const { clock, requestTimeoutMs = REQUEST_TIMEOUT_MS, ...rest } = options;
    const connection = new RedisConnection({ ...rest, requestTimeoutMs });
    this.#server = { token: randomBytes(6).toString("base64url"), connection, time: new ServerTime(), clock };
    this.#watcher = new Watcher(connection);
  }

  open(namespace: string, fingerprint: string): Promise<void> {
    return this.#call(async () => {
      const space = this.#spaces.get(namespace) ?? new Space(this.#server, namespace);
      const [version, known, seq] = (await space.run(
        OPEN,
        [space.keys.info],
        [String(SCHEMA_VERSION), fingerprint],
      )) as [string, string, string];
      if (Number(version) > SCHEMA_VERSION)
        throw new QueueError(
          "config",
          `The job store ${this.#place} is of a later version of queueport (version ${version} of its keys; this program knows ${SCHEMA_VERSION}). Install that version.`,
        );
      if (known !== fingerprint)
        throw new QueueError(
          "config",
          `The namespace "${namespace}" of the job store ${this.#place} belongs to other queues (${known}). Give createJobs another namespace.`,
        );
      space.lastSeq = Number(seq);
      this.#spaces.set(namespace, space);
    }, true);
  }

  apply(namespace: string, changes: readonly JobChange[]): Promise<JobAnswer[]> {
    return this.#on(namespace, (space) => applyChanges(space, changes, this.#writer(space)));
  }

  get(
    namespace: string,
    ids: readonly string[],
    parts: readonly JobPart[] = [],
  ): Promise<(StoredJob | undefined)[]> {
    return this.#on(namespace, (space) => readJobs(space, ids, parts, this.#writer(space)));
  }

  list(namespace: string, filter: StoredJobFilter, page: PageRequest): Promise<StoredPage> {
    return this.#on(namespace, (space) => listJobs(space, filter, page));
  }

  counts(namespace: string): Promise<JobCount[]> {
    return this.#on(namespace, countsOf);
  }

  minutes(namespace: string, since: number): Promise<MinuteCount[]> {
    return this.#on(namespace, (space) => minutesOf(space, since));
  }

  takeDue(namespace: string, options: TakeOptions): Promise<DueJob[]> {
    return this.#on(namespace, (space) => takeDue(space, options, this.#writer(space)));
  }

  nextDueAt(namespace: string, queues?: readonly string[]): Promise<number | undefined> {
    return this.#on(namespace, (space) => nextDueAt(space, queues));
  }

  changedSince(namespace: string, cursor: string | undefined, limit: number): Promise<ChangePage> {
    return this.#on(namespace, (space) => changedSince(space, cursor, limit));
  }

  listen(namespace: string, listener: (hint: StoreHint, id: string) => void): () => void {
    return this.#watcher.listen(this.#opened(namespace), listener);
  }

  beat(namespace: string, worker: WorkerRow): Promise<void> {
    return this.#on(namespace, (space) => beat(space, worker));
  }

  leave(namespace: string, workerId: string): Promise<void> {
    return this.#on(namespace, async ({ keys: { workers } }) => {
      await this.#server.connection.command("remove a worker", workers, ["HDEL", workers, workerId]);
    });
  }

  workers(namespace: string): Promise<WorkerRow[]> {
    return this.#on(namespace, liveWorkers);
  }

  prunable(namespace: string, policy: PrunePolicy, limit: number): Promise<StoredJob[]> {
    return this.#on(namespace, (space) => prunableJobs(space, policy, limit, this.#writer(space)));
  }

  prune(
    namespace: string,
    policy: PrunePolicy,
    limit: number,
    ids?: readonly string[],
  ): Promise<PruneOutcome> {
    const isOver = (): boolean => this.#isClosed;
    return this.#on(namespace, (space) => prune(space, policy, { limit, ids, isOver }, this.#writer(space)));
  }

  /** Redis has no schema. `open` checks the version of each namespace. */
  async migrate(): Promise<MigrationOutcome> {
    await this.now();
    return { from: SCHEMA_VERSION, to: SCHEMA_VERSION };
  }

  now(): Promise<number> {
    return this.#call(async () => {
      const { clock, connection } = this.#server;
      const time = await connection.command("read the time", undefined, ["TIME"]);
      if (clock !== undefined) return clock.now();
      const [seconds, micros] = time as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    }, true);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
    this.#watcher.close();
    await this.#server.connection.close();
  }

  get #place(): string {
    return this.#server.connection.place ?? "redis";
  }

  #writer(space: Space): WriteRows {
    return (requests, { isOrdered = false } = {}) =>
      writeRows(space, requests, isOrdered, (written) => this.#watcher.written(space, written));
  }

  #on<Result>(namespace: string, operation: (space: Space) => Promise<Result>): Promise<Result> {
    return this.#call(() => operation(this.#opened(namespace)), false);
  }

  #opened(namespace: string): Space {
    if (this.#isClosed) throw closed();
    const space = this.#spaces.get(namespace);
    if (space !== undefined) return space;
    throw new QueueError(
      "config",
      `The namespace "${namespace}" of the job store ${this.#place} is not open. Call open first.`,
    );
  }

  /** Carries out a call, which `close` waits for, and words its error. */
  async #call<Result>(operation: () => Promise<Result>, isOpening: boolean): Promise<Result> {
    if (this.#isClosed) throw closed();
    const call = (async () => operation())();
    this.#calls.add(call);
    try {
      return await call;
    } catch (error) {
      throw failed(this.#place, error, isOpening);
    } finally {
      this.#calls.delete(call);
    }
  }
}

function closed(): QueueError {
  return new QueueError("closed", "The job store is closed.");
}
