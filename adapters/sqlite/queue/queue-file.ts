import { channel } from "node:diagnostics_channel";
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { DriverError, type DriverStats } from "../../../src/driver/index.ts";
import { Checkpointer } from "../../../src/lib/sqlite/checkpointer.ts";
import { DatabaseFile } from "../../../src/lib/sqlite/database-file.ts";
import { GroupCommit } from "../../../src/lib/sqlite/group-commit.ts";
import { fileIdentity } from "../../../src/lib/sqlite/private-file.ts";
import { onceUnlocked } from "../../../src/lib/sqlite/unlocked.ts";
import { Work } from "../../../src/lib/sqlite/work.ts";
import { fileError } from "../errors.ts";
import { Connection, pathOf, type SqliteDatabase } from "./database.ts";
import { countMessages } from "./counting.ts";
import { checkFileSystem } from "./file-system.ts";
import { FileWatcher } from "./file-watcher.ts";
import { MessageTable } from "./message-table.ts";
import { migrateSchema } from "./schema.ts";

/** Milliseconds after which a transaction takes no further work. The commit comes on top. */
const SLICE_MS = 4;
/** Milliseconds for which another connection counts as one that writes, after its last commit. */
const SHARED_MS = 1_000;
/** KiB of the file that one process keeps in its memory. */
const CACHE_KIB = 32_768;
/** Bytes to which the write-ahead log is cut after a checkpoint. */
const LOG_BYTES = 67_108_864;

/** A commit of this process, for the receivers of all its connections to one file. */
interface Commit {
  /** The file, as its path or as an object of a database in memory. */
  readonly file: unknown;
  readonly queue: string;
  /** Milliseconds until a message of the queue is due that was not before. */
  readonly dueInMs: number;
}

/** Beside the files themselves, the only thing that several drivers of one process share. */
const commits = channel("queueport:sqlite");

/** The options of {@link QueueFile.open}. */
export interface FileOptions {
  readonly path?: string | undefined;
  readonly database?: SqliteDatabase | undefined;
  readonly synchronous: "full" | "normal";
  readonly allowSharedFileSystem: boolean;
}

/** A listener to wake-ups: in how many milliseconds a message is due; undefined if any of the queue may have changed. */
export type OnWake = (dueInMs?: number) => void;

/** Work of a transaction. A commit that is durable survives a power cut. */
interface QueueWork extends Work<unknown> {
  readonly isDurable?: boolean;
}

class DurableWork<Result> extends Work<Result> {
  readonly isDurable = true;
}

/** An open file of queues: its one connection, its transactions, and the wake-ups of its receivers. */
export class QueueFile {
  readonly path: string;
  readonly messages: MessageTable;
  readonly #connection: Connection;
  readonly #file: DatabaseFile | undefined;
  /** Identifies the file for other drivers of this process. */
  readonly #identity: unknown;
  readonly #work: GroupCommit<QueueWork>;
  /** Undefined for a database in memory, or of the application. */
  readonly #checkpointer: Checkpointer | undefined;
  readonly #watcher: FileWatcher;
  readonly #listeners = new Map<string, Set<OnWake>>();
  readonly #synchronous: "full" | "normal";
  /** A second connection, for counts. */
  #reader: DatabaseFile | undefined;
  /** The last count: the connection has one transaction at a time. */
  #counted: Promise<unknown> = Promise.resolve();
  #isDurable: boolean | undefined;
  /** The version of the file at the last transaction, and the time at which another connection was found to have changed it. */
  #version: number | undefined;
  #sharedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** @throws DriverError if the file cannot be used; `transient` while another process has locked it */
  static async open(options: FileOptions): Promise<QueueFile> {
    const { path, database, allowSharedFileSystem } = options;
    const shown = path ?? "the given database";
    let file: DatabaseFile | undefined;
    try {
      if (path !== undefined && path !== ":memory:" && !allowSharedFileSystem)
        await checkFileSystem(resolve(path));
      if (path !== undefined) file = new DatabaseFile(path);
      const connection = new Connection(database ?? (file as DatabaseFile).database);
      await onceUnlocked(() => {
        if (file !== undefined) prepare(connection);
        migrateSchema(connection, shown);
      });
      return new QueueFile(connection, file, options);
    } catch (error) {
      file?.close();
      throw fileError(shown, error);
    }
  }

  private constructor(connection: Connection, file: DatabaseFile | undefined, options: FileOptions) {
    this.#connection = connection;
    this.#file = file;
    this.#synchronous = options.synchronous;
    const path = pathOf(connection);
    this.path = path === "" ? ":memory:" : path;
    this.#identity = path === "" ? connection.database : realpathSync(path);
    this.messages = new MessageTable(connection);
    this.#checkpointer = file?.path === undefined ? undefined : new Checkpointer(file.database, file.path);
    this.#work = new GroupCommit<QueueWork>(connection, {
      beforeBegin: (work) => this.#beforeBegin(work),
      begun: () => this.#noticeOthers(),
      ended: () => this.#checkpointer?.committed(),
      isShared: () => performance.now() - this.#sharedAt < SHARED_MS,
      sliceMs: SLICE_MS,
    });
    const isGiven = file === undefined;
    this.#watcher = new FileWatcher(connection, path === "" ? undefined : path, isGiven, () =>
      this.#wakeAll(),
    );
    commits.subscribe(this.#onCommit);
  }

  /** Reads without a transaction: other processes may write at any time. */
  read<Result>(query: (messages: MessageTable) => Result): Promise<Result> {
    return this.#attempt(() => onceUnlocked(() => query(this.messages)));
  }

  /**
   * Carries out a change in the next transaction, together with the others of this tick.
   * @param change called again if the transaction is repeated, because the file was locked
   */
  write<Result>(change: (messages: MessageTable) => Result, isDurable: boolean): Promise<Result> {
    return this.#attempt(() => {
      const work = new (isDurable ? DurableWork : Work)<Result>(() => change(this.messages));
      this.#work.add(work as unknown as QueueWork);
      return work.done;
    });
  }

  /**
   * Counts the messages of a queue, as they are at one moment: on a connection of its own, whose read transaction sees no
   * later change. A database in memory or of the application has no second connection, so a large count may be out of date.
   */
  stats(queue: string, now: number): Promise<DriverStats> {
    const counting = this.#counted.then(() => this.#attempt(() => this.#count(queue, now)));
    this.#counted = counting.catch(() => undefined);
    return counting;
  }

  /**
   * Returns the messages of this file by way of the application's connection, within its transaction.
   * @throws DriverError `permanent` if it is no connection to this file, or has no transaction
   */
  within(database: SqliteDatabase): MessageTable {
    const connection = database === this.#connection.database ? this.#connection : new Connection(database);
    const path = pathOf(connection);
    const isSame =
      path === "" ? database === this.#connection.database : fileIdentity(path) === fileIdentity(this.path);
    if (!isSame) {
      throw new DriverError(
        "permanent",
        `The database of the transaction is ${path || "in memory"}, and the queues are in ${this.path}. Keep the tables of the application in the file of the queues`,
      );
    }
    if (!connection.isTransaction) {
      throw new DriverError(
        "permanent",
        "The database has no transaction. Begin one before the send, as by `BEGIN IMMEDIATE`",
      );
    }
    return connection === this.#connection ? this.messages : new MessageTable(connection);
  }

  /** Tells the receivers of this process that a message of the queue is due. Call it after the commit. */
  announce(queue: string, dueInMs: number): void {
    commits.publish({ file: this.#identity, queue, dueInMs } satisfies Commit);
  }

  /** Calls `onWake` when a message may be due, until the returned function is called. */
  listen(queue: string, onWake: OnWake): () => void {
    const listeners = this.#listeners.get(queue) ?? new Set<OnWake>();
    this.#listeners.set(queue, listeners);
    listeners.add(onWake);
    const stopWatching = this.#watcher.use();
    return () => {
      stopWatching();
      listeners.delete(onWake);
      if (listeners.size === 0 && this.#listeners.get(queue) === listeners) this.#listeners.delete(queue);
    };
  }

  /** Waits for the work under way, and closes the file. A database that was given stays open. */
  async close(): Promise<void> {
    await this.#work.idle();
    await this.#counted;
    if (this.#isClosed) return;
    this.#isClosed = true;
    commits.unsubscribe(this.#onCommit);
    this.#watcher.close();
    this.#reader?.close();
    await this.#checkpointer?.close();
    this.#file?.close();
  }

  readonly #onCommit = (message: unknown): void => {
    const { file, queue, dueInMs } = message as Commit;
    if (file !== this.#identity) return;
    for (const onWake of this.#listeners.get(queue) ?? []) onWake(dueInMs);
  };

  /** Others that write as well need a gap from time to time. */
  #noticeOthers(): void {
    const [row] = this.#connection.all<{ readonly data_version: number }>("PRAGMA data_version");
    if (this.#version !== undefined && row?.data_version !== this.#version)
      this.#sharedAt = performance.now();
    this.#version = row?.data_version;
  }

  async #count(queue: string, now: number): Promise<DriverStats> {
    if (this.#file === undefined || this.path === ":memory:")
      return onceUnlocked(() => countMessages(this.#connection, queue, now));
    this.#file.check();
    this.#reader ??= new DatabaseFile(this.path);
    const reader = new Connection(this.#reader.database);
    await onceUnlocked(() => {
      reader.exec("BEGIN");
    });
    try {
      return await countMessages(reader, queue, now);
    } finally {
      reader.exec("COMMIT");
    }
  }

  #wakeAll(): void {
    for (const listeners of this.#listeners.values()) for (const onWake of listeners) onWake();
  }

  async #attempt<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new DriverError("permanent", `The queues in ${this.path} are closed`);
    try {
      return await work();
    } catch (error) {
      throw fileError(this.path, error);
    }
  }

  #beforeBegin(work: readonly QueueWork[]): void {
    this.#file?.check();
    // A transaction of the application on the same connection: it is waited for as for a lock.
    if (this.#connection.isTransaction) throw new InTransaction();
    if (this.#file === undefined) return;
    const isDurable = this.#synchronous === "full" && work.some((one) => one.isDurable === true);
    if (isDurable === this.#isDurable) return;
    this.#connection.exec(`PRAGMA synchronous = ${isDurable ? "FULL" : "NORMAL"}`);
    this.#isDurable = isDurable;
  }
}

/** Counts as a lock of another process: code 5 is `SQLITE_BUSY`. */
class InTransaction extends Error {
  readonly errcode = 5;

  constructor() {
    super("a transaction of the application is open on this connection");
  }
}

function prepare(connection: Connection): void {
  const { journal_mode: mode } = connection.all<{ journal_mode: string }>("PRAGMA journal_mode")[0] ?? {};
  if (mode === "delete") connection.exec("PRAGMA journal_mode = WAL");
  connection.exec(`
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = ${LOG_BYTES};
  `);
}
