import type { JobInfo } from "../diagnostics.ts";

const SLOTS = 1 << 14;

/**
 * The number of runs that have begun and not ended. A plain counter would drift: some events that end a run are also
 * published for a run that never began (a released or malformed message) or that has ended before (it returns late,
 * perhaps while the next attempt runs).
 *
 * A map of ids would be exact, but would cost more than the rest of an event. So runs are counted in slots, by a hash of
 * id and attempt. The end of a run that never began finds its slot empty and is ignored. If another run happens to be in
 * the same one of the 16,384 slots, the number is one too low until that run ends.
 */
export class ActiveRuns {
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

  /** Returns true if the run was active. */
  end(job: JobInfo): boolean {
    const slot = slotOf(job);
    if (this.#slots[slot] === 0) return false;
    (this.#slots[slot] as number) -= 1;
    this.#size -= 1;
    return true;
  }
}

/** Hashes the end of the id, which is where UUIDs of version 7 and numbered ids differ, and the attempt. */
function slotOf({ id, attempt }: JobInfo): number {
  let hash = attempt;
  for (let index = Math.max(0, id.length - 8); index < id.length; index += 1)
    hash = Math.imul(hash, 31) + id.charCodeAt(index);
  // Every character affects the upper bits (Knuth's multiplicative hash).
  return Math.imul(hash, 2_654_435_761) >>> 18;
}
