import type { JobInfo } from "../diagnostics.ts";

const SLOTS = 1 << 14;

/**
 * The runs that have begun and not ended. A plain number would not do: some events that end a run are also published
 * of one that never began (a hand-back, a malformed message), or whose verdict came before (it returns late, perhaps
 * while the next attempt runs), and each would push the number off for good.
 *
 * A map of ids would be exact, and cost more than all else that an event does. So runs are counted in slots, by a hash
 * of id and attempt: the end of a run that never began finds its slot empty and is ignored. Only where another run is
 * in the very same one of 16,384 slots is the sum one too low, and only until that run ends.
 */
export class Runner {
  readonly #slots = new Uint32Array(SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  begin(job: JobInfo): void {
    const slot = slotOf(job);
    (this.#slots[slot] as number) += 1;
    this.#size += 1;
  }

  /** Whether it was running. */
  end(job: JobInfo): boolean {
    const slot = slotOf(job);
    if (this.#slots[slot] === 0) return false;
    (this.#slots[slot] as number) -= 1;
    this.#size -= 1;
    return true;
  }
}

/** By the end of the id, which is where UUIDs of version 7, and numbered ids too, differ. */
function slotOf({ id, attempt }: JobInfo): number {
  let hash = attempt;
  for (let index = Math.max(0, id.length - 8); index < id.length; index += 1)
    hash = Math.imul(hash, 31) + id.charCodeAt(index);
  // The upper bits have seen every character (Knuth's multiplicative hash).
  return Math.imul(hash, 2_654_435_761) >>> 18;
}
