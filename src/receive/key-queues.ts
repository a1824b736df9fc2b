import type { Capacity } from "./capacity.ts";
import type { KeyPlace, Run } from "./run.ts";

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
  /** Has an entry for each key whose head this process holds. */
  readonly #queues = new Map<string, KeyQueue>();

  constructor(options: KeyQueuesOptions) {
    this.#options = options;
  }

  /** Starts the run if it is the head of its key, or queues it behind the head. */
  enter(key: string, run: Run): void {
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      const created = new KeyQueue(key, this.#options, this.#queues);
      this.#queues.set(key, created);
      created.lead(run);
    } else {
      queue.add(run);
    }
  }

  /** Removes a waiting run whose lease was lost. It will be redelivered, so those behind it are released. */
  remove(key: string, run: Run): void {
    const [, ...others] = this.#queues.get(key)?.takeFrom(run) ?? [];
    for (const other of others) this.#options.release(other);
  }

  /** Removes and returns all waiting runs. The heads are left. */
  clear(): Run[] {
    return [...this.#queues.values()].flatMap((queue) => queue.takeAll());
  }
}

/** One ordering key: the place of its head, and the runs that wait behind it. */
class KeyQueue implements KeyPlace {
  readonly #key: string;
  readonly #options: KeyQueuesOptions;
  readonly #queues: Map<string, KeyQueue>;
  readonly #behind: Run[] = [];
  /** Whether the head is held until its backoff is over. */
  #isHeld = false;

  constructor(key: string, options: KeyQueuesOptions, queues: Map<string, KeyQueue>) {
    this.#key = key;
    this.#options = options;
    this.#queues = queues;
  }

  lead(run: Run): void {
    run.place = this;
    this.#options.start(run);
  }

  add(run: Run): void {
    this.#behind.push(run);
    this.#count(1);
  }

  /** Removes and returns a run and those behind it. */
  takeFrom(run: Run): Run[] {
    const index = this.#behind.indexOf(run);
    return index < 0 ? [] : this.#take(index);
  }

  takeAll(): Run[] {
    return this.#take(0);
  }

  left(gone: boolean): void {
    const next = gone ? this.#behind.shift() : undefined;
    if (next !== undefined) {
      this.#count(-1);
      this.lead(next);
      return;
    }
    this.#queues.delete(this.#key);
    for (const run of this.takeAll()) this.#options.release(run);
  }

  held(): void {
    const waiting = this.#behind.length;
    this.#count(-waiting);
    this.#isHeld = true;
    this.#count(waiting);
  }

  #take(from: number): Run[] {
    const taken = this.#behind.splice(from);
    this.#count(-taken.length);
    return taken;
  }

  /** Runs behind a held head are counted apart: they wait for a clock, and take nothing from other keys. */
  #count(change: number): void {
    const { capacity } = this.#options;
    if (this.#isHeld) capacity.waitingForHeld += change;
    else capacity.waitingForKey += change;
  }
}
