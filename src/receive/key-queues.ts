import type { Capacity } from "./capacity.ts";
import type { Run } from "./run.ts";

export interface KeyQueuesOptions {
  readonly capacity: Capacity;
  /** Starts a run that is now the head of its key. */
  readonly start: (run: Run) => void;
  /** Releases a run that has waited behind a head which will be redelivered. */
  readonly release: (run: Run) => void;
}

/**
 * Runs one message of an ordering key at a time. A provider may deliver several messages of one key together (SQS does,
 * in one receive): those behind the head wait here, leased, until the head was removed from the queue. If the head stays
 * in the queue, to be redelivered, those behind it are released as well, or they would overtake it.
 */
export class KeyQueues {
  readonly #options: KeyQueuesOptions;
  /** Has an entry for each key whose head this process holds, with the runs behind the head. */
  readonly #behind = new Map<string, Run[]>();

  constructor(options: KeyQueuesOptions) {
    this.#options = options;
  }

  /** Starts the run if it is the head of its key, or queues it behind the head. */
  enter(key: string, run: Run): void {
    const behind = this.#behind.get(key);
    if (behind === undefined) {
      this.#behind.set(key, []);
      this.#lead(key, run);
    } else {
      behind.push(run);
      this.#options.capacity.waitingForKey += 1;
    }
  }

  /** Removes a waiting run whose lease was lost. It will be redelivered, so those behind it are released. */
  remove(key: string, run: Run): void {
    const behind = this.#behind.get(key);
    const index = behind?.indexOf(run) ?? -1;
    if (behind === undefined || index < 0) return;
    const [, ...others] = behind.splice(index);
    this.#options.capacity.waitingForKey -= others.length + 1;
    for (const other of others) this.#options.release(other);
  }

  /** Removes and returns all waiting runs. The heads are left. */
  clear(): Run[] {
    const all = [...this.#behind.values()].flat();
    for (const key of this.#behind.keys()) this.#behind.set(key, []);
    this.#options.capacity.waitingForKey = 0;
    return all;
  }

  #lead(key: string, run: Run): void {
    run.onLeft = (gone) => {
      if (gone) this.#advance(key);
      else this.#scatter(key);
    };
    this.#options.start(run);
  }

  #advance(key: string): void {
    const next = this.#behind.get(key)?.shift();
    if (next === undefined) {
      this.#behind.delete(key);
      return;
    }
    this.#options.capacity.waitingForKey -= 1;
    this.#lead(key, next);
  }

  #scatter(key: string): void {
    const behind = this.#behind.get(key) ?? [];
    this.#behind.delete(key);
    this.#options.capacity.waitingForKey -= behind.length;
    for (const run of behind) this.#options.release(run);
  }
}
