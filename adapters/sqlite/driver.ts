import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  DriverError,
  type DriverSendOptions,
  driverScope,
  type DriverStats,
  type Duration,
  durationOption,
  type ErrorKind,
  type KnownKeys,
  type Limits,
  numberOption,
  type OpenOptions,
  type Outgoing,
  QueueError,
  type QueueTraits,
  type SendResult,
  sendUntilAborted,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { resolve } from "node:path";
import { pathProblem } from "../../src/lib/sqlite/database-file.ts";
import { handleOf, idOfHandle } from "../sql/queue/handles.ts";
import { AttributesWriter } from "../sql/queue/message-row.ts";
import { checkQueueName, type QueueRow, traitsOf } from "../sql/queue/queue-row.ts";
import { sqliteAdmin } from "./admin.ts";
import { classify } from "./errors.ts";
import { sqliteLimits } from "./limits.ts";
import { isDatabase, pathOf, Connection, type SqliteDatabase } from "./queue/database.ts";
import type { NewMessage, Written } from "./queue/message-table.ts";
import { QueueFile } from "./queue/queue-file.ts";
import { openSource } from "./source.ts";

/** The options of {@link sqlite}. One of `path` and `database` is needed. */
export interface SqliteOptions {
  /**
   * The path of the file. A missing file or folder is created, and only this user can read it. Any number of processes of
   * one machine may use the file. `:memory:` keeps the messages in this process only.
   */
  readonly path?: string | undefined;
  /**
   * An open database in place of a path: a `DatabaseSync` of `node:sqlite`, or one of better-sqlite3. `close` leaves it open.
   * Its settings stay as they are; use `journal_mode = WAL`.
   */
  readonly database?: SqliteDatabase | undefined;
  /**
   * `"full"`: a message whose send has resolved survives a power cut. `"normal"`: it survives the end of the process, and
   * sends are several times as fast.
   * @default "full"
   */
  readonly synchronous?: "full" | "normal" | undefined;
  /**
   * The time within which a second message with the same `dedupId` is absorbed, for queues that are created from now on.
   * `ensure` sets it for an existing queue. 0: queues do not deduplicate.
   * @default 0
   */
  readonly dedupWindowMs?: Duration | undefined;
  /** The largest message in bytes. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /** Whether a file on a shared file system, such as NFS, is accepted. @default false */
  readonly allowSharedFileSystem?: boolean | undefined;
  /** The clock of delays, leases and polls. @default the machine's clock */
  readonly clock?: Clock | undefined;
}

const OPTIONS: KnownKeys<SqliteOptions> = {
  path: true,
  database: true,
  synchronous: true,
  dedupWindowMs: true,
  maxMessageBytes: true,
  allowSharedFileSystem: true,
  clock: true,
};

/** The largest value of the option `maxMessageBytes`: SQLite holds about 1 GB (https://sqlite.org/limits.html, 2026-11). */
const MOST_MESSAGE_BYTES = 500_000_000;

/**
 * Creates a driver for queues in an SQLite file: for services on one machine, without a server. It needs only
 * `node:sqlite`. The file is opened by the first request.
 *
 * @throws QueueError `config` if there is no path, or an option is out of range
 *
 * @example
 * import { createQueue } from "queueport";
 * import { sqlite } from "queueport/sqlite";
 *
 * const queue = createQueue(sqlite({ path: "/var/lib/app/queues.db" }));
 */
export function sqlite(options: SqliteOptions): Driver & { readonly admin: Admin } {
  checkKeys("sqlite", options, OPTIONS);
  return new SqliteDriver(options);
}

class SqliteDriver implements Driver {
  readonly provider = "sqlite";
  readonly scope: string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly admin: Admin;
  readonly #options: SqliteOptions;
  /** The settings of a queue that its first message creates. */
  readonly #created: QueueRow;
  readonly #attributes = new AttributesWriter();
  #file: Promise<QueueFile> | undefined;
  #isClosed = false;

  constructor(options: SqliteOptions) {
    const { path, database, clock = systemClock, synchronous = "full" } = options;
    const problem = optionProblem(options);
    if (problem !== undefined) throw new QueueError("config", `sqlite: ${problem}`);
    const least = { least: 1_024, most: MOST_MESSAGE_BYTES };
    const maxMessageBytes = numberOption("sqlite: maxMessageBytes", options.maxMessageBytes, least);
    const dedupMs = durationOption("sqlite: dedupWindowMs", options.dedupWindowMs, { least: 0 }) ?? 0;
    this.#options = { ...options, synchronous };
    this.#created = { ordered: false, dedupMs: Math.ceil(dedupMs) };
    this.limits =
      maxMessageBytes === undefined
        ? sqliteLimits
        : {
            ...sqliteLimits,
            maxMessageBytes,
            maxBatchBytes: Math.max(sqliteLimits.maxBatchBytes, maxMessageBytes),
          };
    this.clock = clock;
    const place = database === undefined ? String(path) : pathOf(new Connection(database));
    this.scope = driverScope("sqlite", [place === ":memory:" || place === "" ? place : resolve(place)]);
    this.admin = sqliteAdmin(this.#created.dedupMs, () => this.#open());
  }

  async describe(queue: string): Promise<QueueTraits> {
    checkQueueName(queue);
    const file = await this.#open();
    const row = await file.read((messages) => messages.find(queue));
    return traitsOf(queue, row ?? this.#created);
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  async send(
    queue: string,
    messages: readonly Outgoing[],
    signal: AbortSignal,
    { transaction }: DriverSendOptions = {},
  ): Promise<SendResult[]> {
    checkQueueName(queue);
    const given = messages.map((message) => this.#newMessage(message));
    const cancellable = messages.map((message) => message.cancellable === true);
    const written = await (transaction === undefined
      ? sendUntilAborted(queue, signal, () => this.#send(queue, given))
      : this.#sendWithin(queue, given, transaction));
    return written.map(({ id }, index): SendResult => {
      const brokerId = String(id);
      const handle = handleOf(this.provider, id);
      return cancellable[index] === true ? { ok: true, brokerId, handle } : { ok: true, brokerId };
    });
  }

  open(queue: string, options: OpenOptions): Source {
    checkQueueName(queue);
    const { clock } = this;
    const { longPollMs } = this.limits;
    return openSource(queue, options, { clock, longPollMs, file: () => this.#open() });
  }

  async stats(queue: string): Promise<DriverStats> {
    checkQueueName(queue);
    const file = await this.#open();
    return file.stats(queue, this.clock.now());
  }

  async cancel(handle: string): Promise<boolean> {
    const id = Number(idOfHandle(this.provider, handle));
    const file = await this.#open();
    return file.write((messages) => messages.cancel(id, this.clock.now()), true);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }

  async #send(queue: string, messages: readonly NewMessage[]): Promise<Written[]> {
    const file = await this.#open();
    const written = await file.write(
      (table) => table.send(queue, messages, this.#created, this.clock.now()),
      true,
    );
    file.announce(queue, Math.min(...messages.map(({ delayMs }) => delayMs)));
    return written;
  }

  /** Writes on the connection of the application, at once, and announces nothing: the application commits. */
  async #sendWithin(queue: string, messages: readonly NewMessage[], transaction: object): Promise<Written[]> {
    if (!isDatabase(transaction)) {
      throw new DriverError(
        "permanent",
        "The transaction is no database of node:sqlite or better-sqlite3. Pass the database on which it was begun",
      );
    }
    const file = await this.#open();
    return file.within(transaction).send(queue, messages, this.#created, this.clock.now());
  }

  /** Copies a body of bytes, which belongs to the caller. */
  #newMessage({ body, attributes, delayMs, orderingKey, dedupId }: Outgoing): NewMessage {
    return {
      body: typeof body === "string" ? body : new Uint8Array(body),
      attributes: this.#attributes.write(attributes),
      delayMs,
      orderingKey,
      dedupId,
    };
  }

  /** The file, which is opened on first use. A failure is not kept: the next request opens it again. */
  #open(): Promise<QueueFile> {
    if (this.#isClosed)
      return Promise.reject(new DriverError("permanent", "This SQLite driver was closed; open another."));
    if (this.#file === undefined) {
      const { path, database, synchronous = "full", allowSharedFileSystem = false } = this.#options;
      const opening = QueueFile.open({ path, database, synchronous, allowSharedFileSystem });
      this.#file = opening;
      opening.catch(() => {
        if (this.#file === opening) this.#file = undefined;
      });
    }
    return this.#file;
  }
}

function optionProblem({ path, database, synchronous = "full" }: SqliteOptions): string | undefined {
  if (!["full", "normal"].includes(synchronous))
    return `synchronous must be "full" or "normal"; got ${JSON.stringify(synchronous)}.`;
  if (database === undefined) return pathProblem(path);
  if (path !== undefined) return "give either path or database, not both.";
  return isDatabase(database)
    ? undefined
    : "database must be an open database of node:sqlite or better-sqlite3.";
}
