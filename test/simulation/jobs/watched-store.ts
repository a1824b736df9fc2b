import { memoryJobStore, type JobStore } from "../../../src/jobs/index.ts";
import type { JobAnswer, JobChange } from "../../../src/jobs/store/change.ts";
import type { JobRow, StoredJob } from "../../../src/jobs/store/job-row.ts";
import { wrappedStore } from "../../../src/jobs/store/wrapped-store.ts";
import type { Clock } from "../../../src/lib/clock.ts";

/** A change of a job that a store has applied. */
export interface AppliedChange {
  readonly namespace: string;
  readonly change: JobChange;
  readonly before: JobRow | undefined;
  readonly after: StoredJob | undefined;
  readonly answer: JobAnswer;
}

/** The store that all processes share, and what becomes of each change. */
export class WatchedStore {
  readonly store: JobStore;
  readonly #applied: (process: string, changes: readonly AppliedChange[]) => void;

  constructor(clock: Clock, applied: (process: string, changes: readonly AppliedChange[]) => void) {
    this.store = memoryJobStore({ clock });
    this.#applied = applied;
  }

  /** The store as one process sees it. */
  of(process: string): JobStore {
    const { store } = this;
    return wrappedStore(store, async (method, call, given) => {
      if (method !== "apply") return call();
      const [namespace, changes] = given as [string, readonly JobChange[]];
      const ids = changes.map(({ id }) => id);
      // A store in memory does all of its work before it returns. So no other call comes between these.
      const reading = store.get(namespace, ids);
      const applying = call();
      const readingAgain = store.get(namespace, ids, ["message"]);
      const [before, answers, after] = await Promise.all([reading, applying, readingAgain]);
      const all = changes.map((change, index): AppliedChange => ({
        namespace,
        change,
        before: before[index]?.row,
        after: after[index],
        answer: (answers as JobAnswer[])[index] as JobAnswer,
      }));
      this.#applied(process, all);
      return answers;
    });
  }
}
