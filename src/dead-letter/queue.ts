import { type Connection, queueError } from "../transport/connection.ts";
import type { Delivery } from "../driver/contract.ts";
import { QueueError } from "../errors.ts";
import type { Reading } from "../message/format.ts";
import type { Sender } from "../send/sender.ts";
import { show } from "../lib/text.ts";
import type {
  DeadLetter,
  DeadLetterGroup,
  DeadLetters,
  DiscardOptions,
  GroupsOptions,
  ListOptions,
  RedriveOptions,
  RedriveResult,
} from "../queue/dead-letters.ts";
import { Groups } from "./groups.ts";
import { matches, readDeadLetter } from "./read.ts";
import { Redrive } from "./redrive.ts";
import { Callbacks, Scan, type ScanDecision } from "./scan.ts";

const LIST_LIMIT = 100;

/** The dead letters of one queue, on any driver. */
export class DeadLetterQueue implements DeadLetters {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #queue: string;
  readonly #reading: Reading | undefined;

  constructor(connection: Connection, sender: Sender, queue: string) {
    this.#connection = connection;
    this.#sender = sender;
    this.#queue = queue;
    this.#reading = connection.format?.readingOf(queue);
  }

  async list(options: ListOptions = {}): Promise<DeadLetter[]> {
    const { limit = LIST_LIMIT } = options;
    if (!(limit >= 1)) throw this.#invalid("limit must be 1 or more", limit);
    const deadLetters: DeadLetter[] = [];
    await this.#scan(
      (delivery) => {
        const deadLetter = this.#read(delivery);
        if (matches(deadLetter, options) && deadLetters.length < limit) deadLetters.push(deadLetter);
        return Promise.resolve("keep");
      },
      () => deadLetters.length >= limit,
      options.signal,
    );
    return deadLetters;
  }

  async groups(options: GroupsOptions = {}): Promise<DeadLetterGroup[]> {
    const groups = new Groups();
    const callbacks = new Callbacks();
    let read = 0;
    await this.#scan(
      (delivery) => {
        const deadLetter = this.#read(delivery);
        if (matches(deadLetter, options)) groups.add(deadLetter);
        read += 1;
        callbacks.call(() => options.onProgress?.(read));
        return Promise.resolve("keep");
      },
      () => callbacks.failed,
      options.signal,
    );
    callbacks.rethrow();
    return groups.all();
  }

  async redrive(options: RedriveOptions = {}): Promise<RedriveResult> {
    const { to = this.#queue, ratePerSecond, signal } = options;
    if (ratePerSecond !== undefined && !(ratePerSecond > 0))
      throw this.#invalid("ratePerSecond must be more than 0", ratePerSecond);
    if (typeof to !== "string" || to === "") throw this.#invalid("to must be the name of a queue", to);
    const traits = await this.#attempt(to, "redrive to", () => this.#connection.traits(to));
    const source = await this.#attempt(this.#queue, READ, () => this.#connection.traits(this.#queue));
    if (to === source.deadLetterQueue) throw this.#invalid("to must be another queue than this one", to);
    const callbacks = new Callbacks();
    const setting = { connection: this.#connection, sender: this.#sender, queue: this.#queue, to, traits };
    const redrive = new Redrive({ ...setting, callbacks }, options);
    await this.#scan(
      (delivery) => redrive.decide(delivery),
      () => callbacks.failed,
      signal,
    );
    callbacks.rethrow();
    return redrive.result;
  }

  async discard(options: DiscardOptions): Promise<number> {
    const { dryRun = false, signal, onProgress, where } = options;
    const callbacks = new Callbacks();
    let discarded = 0;
    const removed = (): void => {
      discarded += 1;
      callbacks.call(() => onProgress?.(discarded));
    };
    await this.#scan(
      async (delivery) => {
        const deadLetter = this.#read(delivery);
        if (!matches(deadLetter, options)) return "keep";
        if (where !== undefined && !(await callbacks.ask(() => where(deadLetter)))) return "keep";
        if (!dryRun) return { removed };
        removed();
        return "keep";
      },
      () => callbacks.failed,
      signal,
    );
    callbacks.rethrow();
    return discarded;
  }

  async #scan(
    decide: (delivery: Delivery) => Promise<ScanDecision>,
    enough: () => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#attempt(this.#queue, READ, async () => {
      const traits = await this.#connection.traits(this.#queue);
      const scan = new Scan(this.#connection, traits.deadLetterQueue, traits.fixedLeaseMs);
      try {
        await scan.run(decide, enough, signal);
      } catch (error) {
        // Not rethrown after an abort: the caller wants the result so far.
        if (signal?.aborted !== true) throw error;
      }
    });
  }

  async #attempt<T>(queue: string, attempted: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw queueError(error, queue, attempted, this.#connection.driver.provider);
    }
  }

  #read(delivery: Delivery): DeadLetter {
    return readDeadLetter(delivery, this.#queue, this.#connection.clock.now(), this.#reading);
  }

  #invalid(expected: string, got: unknown): QueueError {
    return new QueueError(
      "invalid_options",
      `deadLetters("${this.#queue}"): ${expected}; got ${show(got)}.`,
      { queue: this.#queue },
    );
  }
}

const READ = "read the dead letters of";
