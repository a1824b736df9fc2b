import { forgetOldest } from "../../lib/bounded-map.ts";
import { isSnapshotOf, type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import type { JobRow } from "../store/job-row.ts";

/** Jobs whose last snapshot is kept at least. */
const KEPT = 1_000;

/**
 * The snapshots of jobs that have just changed, one for all readers of this process. The readers of a change read it within
 * moments of each other, and what each of them derives from it, such as JSON, can then be kept by the snapshot.
 */
export class SharedSnapshots {
  readonly #latest = new Map<string, JobSnapshot>();

  /** The snapshot of a row, as of `now` in epoch milliseconds. Frozen, since others have it too. */
  of(row: JobRow, now: number): JobSnapshot {
    const known = this.#latest.get(row.id);
    if (known !== undefined && isSnapshotOf(known, row, now)) return known;
    const snapshot = Object.freeze(snapshotOf({ row }, now));
    this.#latest.delete(row.id);
    this.#latest.set(row.id, snapshot);
    // Many at a time: the first key of a map is found behind all that were deleted.
    if (this.#latest.size > 2 * KEPT) forgetOldest(this.#latest, KEPT);
    return snapshot;
  }

  /** Forgets all snapshots, when nobody reads. */
  clear(): void {
    this.#latest.clear();
  }
}
