import type { Run } from "./run.ts";
import { ReturnPacing } from "./return-pacing.ts";

/**
 * The places in which handlers run, overall and of each type that has a limit of its own. A message whose type is at
 * its limit waits here, leased; at most as many wait as there are places, and others are told when to come back.
 */
export class Slots {
  readonly #concurrency: number;
  readonly #limitOf: (type: string) => number | undefined;
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Map<string, Run[]>();
  readonly #turns: ReturnPacing;
  #running = 0;
  #waitingCount = 0;

  constructor(
    concurrency: number,
    limitOf: ((type: string) => number | undefined) | undefined,
    random: () => number = Math.random,
  ) {
    this.#concurrency = concurrency;
    this.#limitOf = limitOf ?? (() => undefined);
    this.#turns = new ReturnPacing(random);
  }

  get free(): number {
    return this.#concurrency - this.#running;
  }

  get waitingIsFull(): boolean {
    return this.#waitingCount >= this.#concurrency;
  }

  /** Takes a place. False where there is none for this type. */
  take(type: string): boolean {
    if (this.#running >= this.#concurrency) return false;
    const limit = this.#limitOf(type);
    if (limit !== undefined) {
      const taken = this.#taken.get(type) ?? 0;
      if (taken >= limit) return false;
      this.#taken.set(type, taken + 1);
    }
    this.#running += 1;
    return true;
  }

  /** Gives a place back; after a run, with how long it took. */
  release(type: string, ranMs?: number): void {
    this.#running -= 1;
    const taken = this.#taken.get(type);
    if (taken === undefined) return;
    if (ranMs !== undefined) this.#turns.ended(type, ranMs);
    if (taken === 1) this.#taken.delete(type);
    else this.#taken.set(type, taken - 1);
  }

  /** How long one of this type, for which there is neither a place nor room to wait, stays away. */
  awayMs(type: string, now: number): number {
    return this.#turns.next(type, now, this.#limitOf(type) ?? this.#concurrency, this.#waitingCount);
  }

  wait(run: Run): void {
    const waiting = this.#waiting.get(run.message.type);
    if (waiting === undefined) this.#waiting.set(run.message.type, [run]);
    else waiting.push(run);
    this.#waitingCount += 1;
  }

  /** The next that waits and finds a place now, with its place taken. */
  next(): Run | undefined {
    if (this.#waitingCount === 0) return undefined;
    for (const [type, waiting] of this.#waiting) {
      if (!this.take(type)) continue;
      const run = waiting.shift() as Run;
      this.#waitingCount -= 1;
      if (waiting.length === 0) this.#waiting.delete(type);
      return run;
    }
    return undefined;
  }

  /** Takes out one that waits, whose lease was lost. */
  remove(run: Run): void {
    const waiting = this.#waiting.get(run.message.type);
    const index = waiting?.indexOf(run) ?? -1;
    if (waiting === undefined || index < 0) return;
    waiting.splice(index, 1);
    this.#waitingCount -= 1;
    if (waiting.length === 0) this.#waiting.delete(run.message.type);
  }

  /** Takes out all that wait. */
  clear(): Run[] {
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#waitingCount = 0;
    return all;
  }
}
