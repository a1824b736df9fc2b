import type { DatabaseSync } from "node:sqlite";
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** Milliseconds between two checkpoints. */
const INTERVAL_MS = 250;
/** Bytes of the write-ahead log from which on a thread is worth its memory: those of 2,000 pages. */
const THREAD_FROM_BYTES = 8_192_000;
/** Pages of the log after which it begins anew; 32 MB. */
const RESTART_PAGES = 8_000;
/** Pages that this thread may move itself, to let the log begin anew. So many take a millisecond. */
const FEW_PAGES = 200;
/** Checkpoints of the thread, one after the other, that are to leave only a few pages. */
const MAX_PASSES = 4;
/** Pages of the log after which SQLite moves them within a commit, as the thread lags behind or has failed; 64 MB. */
const LAST_RESORT_PAGES = 16_000;

/** The length of the log after a checkpoint, and how much of it was moved, in pages. */
interface Checkpoint {
  readonly log: number;
  readonly checkpointed: number;
}

/** The thread. As a text, since it then needs no file, which a bundler would have to know. */
const SOURCE = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(workerData);
  const checkpoint = database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  parentPort.on("message", (isMore) => {
    if (isMore) return parentPort.postMessage({ ...checkpoint.get() });
    database.close();
    parentPort.close();
  });
`;

/**
 * Moves the changes of a database from its write-ahead log into its file, in a thread of its own. SQLite itself does that
 * within a commit, which then takes as long as several writes to the disk, and with it every other task of the event loop.
 * A process that writes little goes on with that, and starts no thread.
 */
export class Checkpointer {
  readonly #database: DatabaseSync;
  readonly #path: string;
  #worker: Worker | undefined;
  /** When the next checkpoint may begin, in milliseconds of `performance.now`. */
  #nextAt = 0;
  #isBusy = false;
  /** Checkpoints in a row, so that the log can begin anew. */
  #passes = 0;
  /** Whether the log is to begin anew. */
  #isLong = false;
  #hasFailed = false;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /** To be called after each commit, outside of a transaction. Never throws, since the commit has been made. */
  committed(): void {
    try {
      if (this.#isLong) this.#restart();
      if (this.#isBusy || this.#hasFailed || performance.now() < this.#nextAt) return;
      this.#nextAt = performance.now() + INTERVAL_MS;
      if (this.#worker === undefined && !this.#isWorthwhile()) return;
      this.#worker ??= this.#start();
      this.#checkpoint(this.#worker);
    } catch {
      // Such as a full disk: the log stays as long as it is, and the next commit meets the error if it lasts.
    }
  }

  /** Ends the thread. To be awaited before the database is closed, so that the last connection to close is that one. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#hasFailed = true;
    const exit = new Promise((resolve) => worker.once("exit", resolve));
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of a window
    worker.postMessage(false);
    await exit;
  }

  #isWorthwhile(): boolean {
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false });
    return log !== undefined && log.size >= THREAD_FROM_BYTES;
  }

  #start(): Worker {
    // Not by its path, which would create a file if this one was deleted.
    const file = `${pathToFileURL(this.#path).href}?mode=rw`;
    const worker = new Worker(SOURCE, {
      eval: true,
      workerData: file,
      // Without the modules of `--import` and `--require`: they would start once more whatever they start. And
      // without the warning that SQLite is experimental, which this thread has given already.
      execArgv: ["--disable-warning=ExperimentalWarning"],
      env: {},
    });
    worker.on("message", (done: Checkpoint) => this.#done(worker, done));
    worker.on("error", () => {
      this.#hasFailed = true;
      this.#worker = undefined;
      // As before. An error of the file will be met by a commit, and be reported.
      if (this.#database.isOpen) this.#setLimit(THREAD_FROM_BYTES / 4_096);
    });
    // After the listeners, the first of which makes the thread keep the process alive.
    worker.unref();
    this.#setLimit(LAST_RESORT_PAGES);
    return worker;
  }

  #checkpoint(worker: Worker): void {
    this.#isBusy = true;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of a window
    worker.postMessage(true);
  }

  #done(worker: Worker, { log, checkpointed }: Checkpoint): void {
    this.#isBusy = false;
    if (log < RESTART_PAGES || this.#hasFailed) return;
    // The log only begins anew when all of it is moved. Each pass leaves less, since it takes less time.
    this.#passes += 1;
    if (log - checkpointed > FEW_PAGES && this.#passes < MAX_PASSES) return this.#checkpoint(worker);
    this.#passes = 0;
    this.#isLong = true;
  }

  /** Moves the last few pages. Without an effect while another process reads or writes: then it is tried again. */
  #restart(): void {
    this.#isLong = false;
    this.#database.prepare("PRAGMA wal_checkpoint(RESTART)").get();
  }

  #setLimit(pages: number): void {
    this.#database.exec(`PRAGMA wal_autocheckpoint = ${pages}`);
  }
}
