import type { BuriedChange, EndChange, InsertChange } from "../store/change.ts";
import { changeBytes } from "./change-bytes.ts";

/** A change that can wait for a store that is down. */
export type JournaledChange = InsertChange | EndChange | BuriedChange;

/** Changes that are kept: those of an outage of a minute at 800 jobs a second. */
export const MAX_CHANGES = 100_000;
/** Claims of one job that are given back. */
const MAX_WITHDRAWN = 4;
/** Bytes that are kept. */
const MAX_BYTES = 67_108_864;

/** The changes of one job that wait. */
interface Entry {
  readonly insert?: InsertChange | undefined;
  /** Claims that are given back, the latest last. They come first, since a claim that was granted holds the job. */
  readonly withdrawn?: readonly EndChange[] | undefined;
  /** In their order. A claim that is known to the store is ended first. */
  readonly ends: readonly EndChange[];
  readonly buried?: BuriedChange | undefined;
}

const NONE: Entry = { ends: [] };

/**
 * Keeps changes for a store that is down: the newest state of each job, within bounds. If it is full, it first drops
 * checkpoints, log lines and the facts of sends, and then the oldest ends.
 */
export class Journal {
  readonly #entries = new Map<string, Entry>();
  readonly #maxChanges: number;
  readonly #maxBytes: number;
  #size = 0;
  #bytes = 0;
  #dropped = 0;
  #added = 0;
  /** When each change was added. Some are taken out, and put back later. */
  readonly #order = new WeakMap<JournaledChange, number>();

  constructor(maxChanges: number = MAX_CHANGES, maxBytes: number = MAX_BYTES) {
    this.#maxChanges = maxChanges;
    this.#maxBytes = maxBytes;
  }

  /** Number of changes that wait. */
  get size(): number {
    return this.#size;
  }

  /** Number of changes that were dropped since there was no room. */
  get dropped(): number {
    return this.#dropped;
  }

  has(id: string): boolean {
    return this.#size > 0 && this.#entries.has(id);
  }

  /** Keeps a change. A later one of the same job replaces an earlier one of the same kind. */
  add(change: JournaledChange): void {
    this.#order.set(change, (this.#added += 1));
    const entry = this.#remove(change.id) ?? NONE;
    switch (change.kind) {
      case "insert":
        this.#put(change.id, { ...entry, insert: change });
        break;
      case "end":
        if (isWithdrawal(change)) {
          const withdrawn = [...(entry.withdrawn ?? []), change].slice(-MAX_WITHDRAWN);
          this.#put(change.id, { ...entry, withdrawn });
          break;
        }
        this.#put(change.id, { ...entry, ends: withEnd(entry.ends, change) });
        break;
      case "buried":
        this.#put(change.id, { ...entry, buried: change });
    }
    if (this.#isOver) this.#shed();
  }

  /** Takes the changes of one job out, in the order in which they are to be applied. */
  takeOf(id: string): JournaledChange[] {
    const entry = this.#remove(id);
    return entry === undefined ? [] : changesOf(entry);
  }

  /** Takes the oldest changes out: of so many jobs that they are `limit` at least, if there are as many. */
  take(limit: number): JournaledChange[] {
    const changes: JournaledChange[] = [];
    for (const id of this.#entries.keys()) {
      if (changes.length >= limit) break;
      changes.push(...this.takeOf(id));
    }
    return changes;
  }

  /** Puts a change back that was taken, unless a newer one of its kind has come since. */
  putBack(change: JournaledChange): void {
    const { ends = [], insert, buried } = this.#entries.get(change.id) ?? {};
    if (change.kind === "end" && !isWithdrawal(change)) {
      const entry = this.#remove(change.id) ?? NONE;
      // Two ends that were taken together come back one after the other, and others may have come since.
      const inOrder = [...ends, change].toSorted((one, other) => this.#orderOf(one) - this.#orderOf(other));
      this.#put(change.id, { ...entry, ends: inOrder.reduce(withEnd, NONE.ends) });
    } else if (change.kind === "end" || (change.kind === "insert" ? insert : buried) === undefined)
      this.add(change);
    if (this.#isOver) this.#shed();
  }

  /** The end without its extras, in its place. */
  #bare(end: EndChange): EndChange {
    const rest = bare(end);
    this.#order.set(rest, this.#orderOf(end));
    return rest;
  }

  #orderOf(change: JournaledChange): number {
    return this.#order.get(change) ?? 0;
  }

  get #isOver(): boolean {
    return this.#size > this.#maxChanges || this.#bytes > this.#maxBytes;
  }

  /** An entry that is there keeps its place among the others. */
  #put(id: string, entry: Entry): void {
    const before = changesOf(this.#entries.get(id) ?? NONE);
    this.#size -= before.length;
    this.#bytes -= bytesOf(before);
    this.#entries.set(id, entry);
    const changes = changesOf(entry);
    this.#size += changes.length;
    this.#bytes += bytesOf(changes);
  }

  #remove(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const changes = changesOf(entry);
    this.#size -= changes.length;
    this.#bytes -= bytesOf(changes);
    this.#entries.delete(id);
    return entry;
  }

  /** Makes room. In one go for a tenth of all, so that a full journal does not look through all of it for each change. */
  #shed(): void {
    const [mostChanges, mostBytes] = [this.#maxChanges * 0.9, this.#maxBytes * 0.9];
    const isOver = (): boolean => this.#size > mostChanges || this.#bytes > mostBytes;
    for (const [id, entry] of this.#entries) {
      if (!isOver()) return;
      if (entry.insert === undefined && !entry.ends.some(hasExtras)) continue;
      if (entry.insert !== undefined) this.#dropped += 1;
      const { withdrawn, buried } = entry;
      const rest = { withdrawn, ends: entry.ends.map((end) => this.#bare(end)), buried };
      if (withdrawn === undefined && rest.ends.length === 0 && rest.buried === undefined) this.#remove(id);
      else this.#put(id, rest);
    }
    for (const id of this.#entries.keys()) {
      if (!isOver()) return;
      this.#dropped += this.takeOf(id).length;
    }
  }
}

/** Whether an end only gives a claim back: it says nothing about the job. */
function isWithdrawal({ outcome, seed }: EndChange): boolean {
  return outcome === "released" && seed === undefined;
}

/** Replaces the last end, unless that one ends a claim which the store knows, and which the new end does not. */
function withEnd(ends: readonly EndChange[], end: EndChange): readonly EndChange[] {
  const last = ends.at(-1);
  // A run that was given up, and whose handler has returned all the same: its end may be kept before the decision is.
  if (last !== undefined && last.token === end.token && last.seq > end.seq) return ends;
  const isOver =
    last?.outcome === "completed" && end.outcome !== "completed" && end.generation <= last.generation;
  // Another run of a job that is completed: it only ends its own claim.
  if (isOver) return end.isUntracked ? ends : [...ends.slice(0, -1), end, last].slice(-2);
  const isKept = last !== undefined && last.token !== end.token && !last.isUntracked && ends.length === 1;
  return isKept ? [last, end] : [...ends.slice(0, -1), end];
}

function hasExtras({ logs, saved, steps }: EndChange): boolean {
  return logs !== undefined || saved !== undefined || steps !== undefined;
}

function bare(end: EndChange): EndChange {
  return hasExtras(end) ? { ...end, logs: undefined, saved: undefined, steps: undefined } : end;
}

function changesOf({ insert, withdrawn = [], ends, buried }: Entry): JournaledChange[] {
  const changes: JournaledChange[] = [...withdrawn, ...ends];
  if (insert !== undefined) changes.unshift(insert);
  if (buried !== undefined) changes.push(buried);
  return changes;
}

function bytesOf(changes: readonly JournaledChange[]): number {
  return changes.reduce((sum, change) => sum + changeBytes(change), 0);
}
