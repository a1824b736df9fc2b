import type { Write } from "./write.ts";

/** Ids up to which nothing is cleared away. */
const FEW = 1_024;

/**
 * The last change of each job that has one under way. An entry that is over is overwritten and not deleted: a `Map` whose
 * entries come and go leaves old tables behind, which keep the former entries alive through their first collections (see
 * `InFlightSet`).
 */
export class Lanes {
  #last = new Map<string, Write | undefined>();
  #size = 0;

  last(id: string): Write | undefined {
    return this.#last.get(id);
  }

  has(id: string): boolean {
    return this.#size > 0 && this.#last.get(id) !== undefined;
  }

  /** Makes a change the last one of its job. */
  set(write: Write): void {
    const { id } = write.change;
    if (this.#last.get(id) === undefined) this.#size += 1;
    if (this.#last.size >= FEW && this.#last.size > 2 * this.#size) this.#clear();
    this.#last.set(id, write);
  }

  /** The job has no change under way any more. */
  end(id: string): void {
    if (this.#last.get(id) === undefined) return;
    this.#last.set(id, undefined);
    this.#size -= 1;
  }

  #clear(): void {
    const old = this.#last;
    this.#last = new Map();
    for (const [id, write] of old) if (write !== undefined) this.#last.set(id, write);
  }
}
