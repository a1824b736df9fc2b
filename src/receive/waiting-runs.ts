import type { Capacity } from "./capacity.ts";
import type { Run } from "./run.ts";

/** Runs that hold a lease and wait for a slot of their type, in order of arrival within a type. */
export class WaitingRuns {
  readonly #capacity: Capacity;
  readonly #byType = new Map<string, Run[]>();

  constructor(capacity: Capacity) {
    this.#capacity = capacity;
  }

  add(run: Run): void {
    const waiting = this.#byType.get(run.message.type);
    if (waiting === undefined) this.#byType.set(run.message.type, [run]);
    else waiting.push(run);
    this.#capacity.waitingForSlot += 1;
  }

  /** Removes and returns the next run that finds a slot, and takes the slot. */
  next(): Run | undefined {
    if (this.#byType.size === 0) return undefined;
    for (const [type, waiting] of this.#byType) {
      if (!this.#capacity.take(type)) continue;
      const run = waiting.shift() as Run;
      this.#removed(type, waiting);
      return run;
    }
    return undefined;
  }

  /** Removes a run whose lease was lost. A run that does not wait here is ignored. */
  remove(run: Run): void {
    const waiting = this.#byType.get(run.message.type);
    const index = waiting?.indexOf(run) ?? -1;
    if (waiting === undefined || index < 0) return;
    waiting.splice(index, 1);
    this.#removed(run.message.type, waiting);
  }

  /** Removes and returns all runs. */
  clear(): Run[] {
    const all = [...this.#byType.values()].flat();
    this.#byType.clear();
    this.#capacity.waitingForSlot = 0;
    return all;
  }

  #removed(type: string, waiting: readonly Run[]): void {
    this.#capacity.waitingForSlot -= 1;
    if (waiting.length === 0) this.#byType.delete(type);
  }
}
