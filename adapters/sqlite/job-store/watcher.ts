import type { Clock, Timer } from "../../../src/driver/index.ts";
import { hintsOf, type StoreHint } from "../../../src/jobs/store/index.ts";
import type { JobTable } from "./job-table.ts";
import type { JobRecord } from "../../sql/job-store/row-codec.ts";
import { READ } from "./read-statements.ts";
import type { Statements } from "./statements.ts";
import type { PendingHint } from "./writer.ts";

/** Milliseconds between two looks at the changes of other processes. */
const POLL_MS = 100;
/** Changes of other processes that are reported at a look. The others follow at the next. */
const MAX_REPORTED = 1_000;

type Listener = (hint: StoreHint, id: string) => void;

/** A namespace to which somebody listens. */
interface Watched {
  readonly ns: number;
  readonly listeners: Set<Listener>;
  /** The last change that was reported. */
  seen: number;
}

/**
 * Reports changes to listeners: those of this process after their commit, and those of others by a look at the version of
 * the file, as long as somebody listens.
 */
export class Watcher {
  readonly #statements: Statements;
  readonly #jobs: JobTable;
  readonly #clock: Clock;
  readonly #lastSeq: () => number;
  readonly #watched = new Map<number, Watched>();
  #timer: Timer | undefined;
  /** The version of the file of which everything was reported; undefined if there is more. */
  #version: unknown;

  /** @param lastSeq reads the number of the last change */
  constructor(statements: Statements, jobs: JobTable, clock: Clock, lastSeq: () => number) {
    this.#statements = statements;
    this.#jobs = jobs;
    this.#clock = clock;
    this.#lastSeq = lastSeq;
  }

  listen(ns: number, listener: Listener): () => void {
    if (this.#watched.size === 0) {
      this.#version = this.#readVersion();
      this.#arm();
    }
    // Another function for each call, so that one that listens twice can stop once.
    const own: Listener = (hint, id) => listener(hint, id);
    const watched = this.#watched.get(ns) ?? { ns, listeners: new Set<Listener>(), seen: this.#lastSeq() };
    watched.listeners.add(own);
    this.#watched.set(ns, watched);
    return () => {
      watched.listeners.delete(own);
      if (watched.listeners.size === 0 && this.#watched.get(ns) === watched) this.#watched.delete(ns);
      if (this.#watched.size === 0) this.#timer?.cancel();
    };
  }

  /** Reports the changes of a transaction of this process, with the numbers of the last change before and after it. */
  committed(hints: readonly PendingHint[], from: number, to: number): void {
    if (this.#watched.size === 0) return;
    // Otherwise others have written meanwhile. The next look reports those changes, and these again.
    for (const watched of this.#watched.values()) if (watched.seen === from) watched.seen = to;
    for (const { ns, hint, id } of hints) this.#report(ns, hint, id);
  }

  close(): void {
    this.#timer?.cancel();
    this.#watched.clear();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(POLL_MS, () => {
      try {
        this.#look();
      } catch {
        // A hint may be lost. Readers of a job also look at its record, and get the error of the file.
      }
      if (this.#watched.size > 0) this.#arm();
    });
  }

  #look(): void {
    const version = this.#readVersion();
    if (version === this.#version) return;
    const lastSeq = this.#lastSeq();
    let isMore = false;
    for (const watched of this.#watched.values()) {
      const records = this.#statements
        .of(READ.since)
        .all(watched.ns, watched.seen, MAX_REPORTED) as unknown as JobRecord[];
      const isFull = records.length === MAX_REPORTED;
      watched.seen = isFull ? (records.at(-1)?.seq ?? lastSeq) : lastSeq;
      isMore ||= isFull;
      for (const record of records) {
        const { row } = this.#jobs.decode(record);
        for (const hint of hintsOf(undefined, row)) this.#report(watched.ns, hint, row.id);
      }
    }
    this.#version = isMore ? undefined : version;
  }

  #readVersion(): unknown {
    return this.#statements.of("PRAGMA data_version").get()?.["data_version"];
  }

  #report(ns: number, hint: StoreHint, id: string): void {
    for (const listener of this.#watched.get(ns)?.listeners ?? []) {
      try {
        listener(hint, id);
      } catch (error) {
        // Rethrown on its own, so that the store goes on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
