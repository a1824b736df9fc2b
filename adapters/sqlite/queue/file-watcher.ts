import { type FSWatcher, watch } from "node:fs";
import { systemClock, type Timer } from "../../../src/driver/index.ts";
import type { Connection } from "./database.ts";

/**
 * Milliseconds between two looks at the version of the file: while the file system reports changes, as a precaution; else
 * as the only way to notice them.
 */
const WATCHED_MS = 250;
const UNWATCHED_MS = 5;
/** Milliseconds between the looks after a report: the file is written before the commit can be seen. */
const CHASE_MS = [1, 1, 2, 4, 8, 16, 32, 64] as const;

/**
 * Notices the commits of other connections, in this process or in another: by the reports of the file system about the
 * write-ahead log, and by looks at the version of the file. In real time, whatever the clock of the messages says: other
 * processes write at any time.
 */
export class FileWatcher {
  readonly #connection: Connection;
  readonly #path: string;
  readonly #onCommit: () => void;
  readonly #countsOwn: boolean;
  #users = 0;
  #version: string | undefined;
  #timer: Timer | undefined;
  #watcher: FSWatcher | undefined;
  /** The next step of a chase. */
  #step = CHASE_MS.length as number;

  /**
   * @param path the file; undefined for a database in memory, which no other connection sees
   * @param countsOwn whether the connection is also used by the application, whose commits are to be noticed
   */
  constructor(connection: Connection, path: string | undefined, countsOwn: boolean, onCommit: () => void) {
    this.#connection = connection;
    this.#path = path ?? "";
    this.#countsOwn = countsOwn;
    this.#onCommit = onCommit;
  }

  /** Watches until the returned function is called. */
  use(): () => void {
    this.#users += 1;
    if (this.#users === 1) this.#start();
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      this.#users -= 1;
      if (this.#users === 0) this.close();
    };
  }

  close(): void {
    this.#users = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #start(): void {
    if (this.#path === "" && !this.#countsOwn) return;
    this.#version = this.#read();
    if (this.#path !== "") this.#watch();
    this.#arm(this.#paceMs);
  }

  #watch(): void {
    try {
      this.#watcher = watch(`${this.#path}-wal`, { persistent: false }, () => this.#chase());
      // Such as the limit of the system: the looks go on without reports.
      this.#watcher.on("error", () => this.#unwatch());
    } catch {
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#timer !== undefined) this.#arm(UNWATCHED_MS);
  }

  get #paceMs(): number {
    return this.#watcher === undefined || this.#countsOwn ? UNWATCHED_MS : WATCHED_MS;
  }

  /** Looks soon, and again for a while: a commit can be seen some milliseconds after the write that was reported. */
  #chase(): void {
    if (this.#timer === undefined || this.#step < CHASE_MS.length) return;
    this.#step = 0;
    this.#arm(CHASE_MS[0]);
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    this.#timer = systemClock.timer(ms, () => {
      const hasChanged = this.#look();
      if (this.#users === 0) return;
      this.#step = hasChanged ? CHASE_MS.length : Math.min(this.#step + 1, CHASE_MS.length);
      this.#arm(CHASE_MS[this.#step] ?? this.#paceMs);
    });
  }

  #look(): boolean {
    const version = this.#read();
    // An unreadable version counts as a change: the claim that follows gets the error.
    if (version === this.#version && version !== undefined) return false;
    const isFirst = this.#version === undefined && version === undefined;
    this.#version = version;
    if (!isFirst) this.#onCommit();
    return true;
  }

  #read(): string | undefined {
    try {
      const { data_version: others } = this.#connection.all<{ data_version: number }>(
        "PRAGMA data_version",
      )[0] ?? { data_version: 0 };
      if (!this.#countsOwn) return String(others);
      const own = this.#connection.all<{ n: number }>("SELECT total_changes() AS n")[0]?.n;
      return `${others} ${own}`;
    } catch {
      return undefined;
    }
  }
}
