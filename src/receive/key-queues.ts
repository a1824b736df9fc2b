import type { Run } from "./run.ts";

export interface KeyQueuesOptions {
  /** Takes up the message that is the head of its key now. */
  readonly takeUp: (run: Run) => void;
  /** Gives back a message that has waited behind one that will come again. */
  readonly handBack: (run: Run) => void;
}

/**
 * One message of an ordering key at a time. A provider may hand out several of one key at once (SQS does, in one
 * receive): those behind the head wait here, leased, until the head has left the queue. Where it stays in the queue
 * instead, to come again, those behind it go back as well, or they would overtake it.
 */
export class KeyQueues {
  readonly #options: KeyQueuesOptions;
  /** A key stands here while its head is in hand, with those behind it. */
  readonly #behind = new Map<string, Run[]>();
  #waiting = 0;

  constructor(options: KeyQueuesOptions) {
    this.#options = options;
  }

  /** Messages that wait behind the heads of their keys. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes it up, or lets it wait. */
  enter(key: string, run: Run): void {
    const behind = this.#behind.get(key);
    if (behind === undefined) {
      this.#behind.set(key, []);
      this.#lead(key, run);
    } else {
      behind.push(run);
      this.#waiting += 1;
    }
  }

  /** Takes out one that waits, whose lease was lost. It comes again, and those behind it must not overtake it. */
  remove(key: string, run: Run): void {
    const behind = this.#behind.get(key);
    const index = behind?.indexOf(run) ?? -1;
    if (behind === undefined || index < 0) return;
    const [, ...others] = behind.splice(index);
    this.#waiting -= others.length + 1;
    for (const other of others) this.#options.handBack(other);
  }

  /** Takes out all that wait; the heads are in other hands. */
  clear(): Run[] {
    const all = [...this.#behind.values()].flat();
    for (const key of this.#behind.keys()) this.#behind.set(key, []);
    this.#waiting = 0;
    return all;
  }

  #lead(key: string, run: Run): void {
    run.onLeft = (gone) => {
      if (gone) this.#advance(key);
      else this.#scatter(key);
    };
    this.#options.takeUp(run);
  }

  #advance(key: string): void {
    const next = this.#behind.get(key)?.shift();
    if (next === undefined) {
      this.#behind.delete(key);
      return;
    }
    this.#waiting -= 1;
    this.#lead(key, next);
  }

  #scatter(key: string): void {
    const behind = this.#behind.get(key) ?? [];
    this.#behind.delete(key);
    this.#waiting -= behind.length;
    for (const run of behind) this.#options.handBack(run);
  }
}
