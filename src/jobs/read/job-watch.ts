import { inThisContext } from "../../lib/async-context.ts";
import type { Timer } from "../../lib/clock.ts";
import type { Records } from "../records.ts";
import type { StoredJob } from "../store/job-row.ts";

/** Interval at which watched jobs are read, whatever the store reports. */
const LOOK_MS = 2_000;
/** Jobs that are read at once. */
const READ = 500;

type Listener = (job: StoredJob | undefined) => void;

/**
 * Watches single jobs, for all who wait for a result in this process: one listener on the store, and one read of all of
 * them each two seconds, since a hint may be lost.
 */
export class JobWatch {
  readonly #records: Records;
  readonly #listeners = new Map<string, Set<Listener>>();
  #unlisten: (() => void) | undefined;
  #timer: Timer | undefined;
  #hinted = new Set<string>();
  #isReading = false;
  /** In a context of its own, since a hint may come in that of any caller: a store may give it while it applies a change. */
  readonly #lookAt = inThisContext((id: string) => this.#look([id]));

  constructor(records: Records) {
    this.#records = records;
  }

  /** Calls `listener` with the job now, and whenever it may have changed, until the returned function is called. */
  watch(id: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(id) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(id, listeners);
    this.#start();
    this.#look([id]);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(id) === listeners) this.#listeners.delete(id);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  #start(): void {
    const { store, namespace, clock } = this.#records;
    this.#unlisten ??= store.listen(namespace, (_, id) => {
      if (this.#listeners.has(id)) this.#lookAt(id);
    });
    this.#timer ??= clock.timer(LOOK_MS, () => this.#lookAtAll(), true);
  }

  #stop(): void {
    this.#unlisten?.();
    this.#timer?.cancel();
    this.#unlisten = undefined;
    this.#timer = undefined;
  }

  #lookAtAll(): void {
    this.#timer = undefined;
    this.#look([...this.#listeners.keys()]);
    if (this.#listeners.size > 0) this.#start();
  }

  /** Reads jobs. Jobs that are hinted at during a read are read together after it. */
  #look(ids: readonly string[]): void {
    for (const id of ids) this.#hinted.add(id);
    if (!this.#isReading) void this.#readHinted();
  }

  async #readHinted(): Promise<void> {
    this.#isReading = true;
    while (this.#hinted.size > 0) {
      const ids = [...this.#hinted].slice(0, READ);
      for (const id of ids) this.#hinted.delete(id);
      try {
        const jobs = await this.#records.read((store, namespace) => store.get(namespace, ids, ["result"]));
        for (const [index, id] of ids.entries())
          for (const listener of this.#listeners.get(id) ?? []) listener(jobs[index]);
      } catch {
        // The next look may find the store back. A caller has its own time limit.
      }
    }
    this.#isReading = false;
  }
}
