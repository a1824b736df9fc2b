import { QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import type { Records } from "../records.ts";

/** Age up to which a count of unfinished jobs is used. */
const FRESH_MS = 1_000;

interface Counted {
  readonly unfinished: ReadonlyMap<string, number>;
  /** Jobs that this process has admitted since, by queue. */
  readonly own: Map<string, number>;
}

/**
 * Refuses sends to a queue that has its fill of unfinished jobs. Counts are at most a second old, so a queue may get a
 * second's sends of the other processes too many.
 */
export class QueueLimits {
  readonly #records: Records;
  readonly #most: ReadonlyMap<string, number>;
  #counted: Promise<Counted> | undefined;
  #countedAt = 0;

  constructor(records: Records, maxJobs: Readonly<Record<string, number>> = {}) {
    for (const [queue, most] of Object.entries(maxJobs)) {
      if (!(Number.isSafeInteger(most) && most >= 1))
        throw new QueueError(
          "invalid_options",
          `createJobs: maxJobs of queue ${show(queue)} is a whole number, 1 or more; got ${show(most)}.`,
        );
    }
    this.#records = records;
    this.#most = new Map(Object.entries(maxJobs));
  }

  /**
   * Counts one job in. Undefined if the queue has no limit.
   * @throws QueueError `queue_full`
   */
  admit(queue: string): Promise<void> | undefined {
    const most = this.#most.get(queue);
    return most === undefined ? undefined : this.#admit(queue, most);
  }

  async #admit(queue: string, most: number): Promise<void> {
    const counted = await this.#count();
    // The store's absence must not keep jobs from running.
    if (counted === undefined) return;
    const own = counted.own.get(queue) ?? 0;
    const unfinished = (counted.unfinished.get(queue) ?? 0) + own;
    if (unfinished >= most)
      throw new QueueError(
        "queue_full",
        `Queue "${queue}" has ${unfinished} unfinished jobs, and may have ${most} (maxJobs). Send the job later, or raise the limit.`,
        { queue, retryable: true },
      );
    counted.own.set(queue, own + 1);
  }

  async #count(): Promise<Counted | undefined> {
    const { clock } = this.#records;
    const now = clock.monotonic();
    if (this.#counted === undefined || now - this.#countedAt >= FRESH_MS) {
      this.#countedAt = now;
      this.#counted = this.#read();
    }
    return this.#counted.catch(() => undefined);
  }

  async #read(): Promise<Counted> {
    const unfinished = new Map<string, number>();
    for (const { queue, count } of await this.#records.read(
      (store, namespace) => store.counts(namespace),
      1_000,
    ))
      unfinished.set(queue, (unfinished.get(queue) ?? 0) + count);
    return { unfinished, own: new Map() };
  }
}
