import { type Clock, sleep } from "../../lib/clock.ts";
import type { JobSnapshot } from "../job-snapshot.ts";
import type { Records } from "../records.ts";
import type { JobRow } from "../store/job-row.ts";
import type { ChangePage } from "../store/job-store.ts";
import { SharedSnapshots } from "./shared-snapshots.ts";

/** Rows of one page. */
const PAGE = 200;
/** Pages that are kept for readers that are a little behind. */
const KEPT = 16;
/** Interval at which changes are looked for, whatever the store reports. */
const LOOK_MS = 1_000;

/**
 * Reads the changes of jobs for all readers of this process. Each reader has its own place; readers at one place share a
 * request.
 */
export class ChangeReader {
  readonly #records: Records;
  readonly #pages = new Map<string, Promise<ChangePage>>();
  readonly #waiting = new Set<() => void>();
  readonly #snapshots = new SharedSnapshots();
  #readers = 0;
  #unlisten: (() => void) | undefined;
  /** Raised by each hint, so that a reader knows of one that came during its request. */
  #hints = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  get clock(): Clock {
    return this.#records.clock;
  }

  /** Listens to the store until the returned function is called. */
  open(): () => void {
    const { store, namespace } = this.#records;
    this.#readers += 1;
    this.#unlisten ??= store.listen(namespace, (hint) => {
      if (hint === "change") this.#wake();
    });
    return () => {
      this.#readers -= 1;
      if (this.#readers > 0) return;
      this.#unlisten?.();
      this.#unlisten = undefined;
      this.#pages.clear();
      this.#snapshots.clear();
    };
  }

  /** The snapshot of a changed job, the same object for all readers. */
  snapshot(row: JobRow): JobSnapshot {
    return this.#snapshots.of(row, this.clock.now());
  }

  /** The cursor of now. */
  async now(): Promise<string> {
    const { cursor } = await this.#read(undefined);
    return cursor;
  }

  /** The changes after `cursor`. Waits for some; returns an empty page when `signal` aborts. */
  async next(cursor: string, signal: AbortSignal | undefined): Promise<ChangePage> {
    for (;;) {
      const hints = this.#hints;
      const page = await this.#page(cursor);
      if (page.rows.length > 0 || page.hasMore || page.cursor !== cursor || signal?.aborted === true)
        return page;
      if (hints === this.#hints) await this.#wait(signal);
    }
  }

  #page(cursor: string): Promise<ChangePage> {
    const known = this.#pages.get(cursor);
    if (known !== undefined) return known;
    const reading = this.#read(cursor);
    this.#pages.set(cursor, reading);
    const forget = (): void => {
      if (this.#pages.get(cursor) === reading) this.#pages.delete(cursor);
    };
    reading.then((page) => {
      // An empty or partial page is out of date with the next change.
      if (!page.hasMore) forget();
      else if (this.#pages.size > KEPT) this.#pages.delete([...this.#pages.keys()][0] as string);
    }, forget);
    return reading;
  }

  #read(cursor: string | undefined): Promise<ChangePage> {
    return this.#records.read((store, namespace) => store.changedSince(namespace, cursor, PAGE));
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const woken = new AbortController();
    // With a reason, since the error that is made without one takes longer than all else that a reader does.
    const wake = (): void => woken.abort("woken");
    this.#waiting.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    await sleep(this.clock, LOOK_MS, woken.signal);
    this.#waiting.delete(wake);
    signal?.removeEventListener("abort", wake);
  }

  #wake(): void {
    this.#hints += 1;
    for (const wake of this.#waiting) wake();
  }
}
