import type { Clock } from "../lib/clock.ts";
import type { Outgoing } from "../driver/contract.ts";
import type { decode as Decode } from "../message/decode.ts";
import type { WireFormat } from "../message/format.ts";
import { describeError, QueueError } from "../errors.ts";
import { newId } from "../lib/ids.ts";
import type { DelayedMessage } from "../queue/queue.ts";
import type { DelayedSends } from "../send/sender.ts";
import { within } from "../lib/wait.ts";
import type { DelayStore, StoredMessage } from "./store.ts";

/** Prefix of the handles that a store can cancel. */
const HANDLE = "stored:";

/** Listeners for puts, by queue. */
type Listeners = Map<string, Set<(dueAt: number) => void>>;

/** Listeners by store, since several queues of one process may share a store. */
const listenersOf = new WeakMap<DelayStore, Listeners>();

/** The delayed messages of a queue that has a delay store. */
export class Delays implements DelayedSends {
  readonly store: DelayStore;
  readonly #clock: Clock;
  readonly #listeners: Listeners;
  readonly #format: WireFormat | undefined;

  constructor(store: DelayStore, clock: Clock, format?: WireFormat) {
    this.store = store;
    this.#clock = clock;
    this.#format = format;
    this.#listeners = listenersOf.get(store) ?? new Map();
    listenersOf.set(store, this.#listeners);
  }

  async put(queue: string, outgoing: Outgoing, dueAt: number, deadlineMs: number): Promise<string> {
    const { body, attributes, orderingKey, dedupId } = outgoing;
    const key = newId(this.#clock.now());
    const message: StoredMessage = { key, queue, dueAt, body, attributes, orderingKey, dedupId };
    const kept = this.store.put(message).then(
      () => {
        // Wakes the dispatchers of this process, which would otherwise notice later.
        for (const wake of this.#listeners.get(queue) ?? []) wake(dueAt);
      },
      (cause: unknown) => {
        throw new QueueError(
          "send_failed",
          `The delay store did not take the message for queue "${queue}": ${describeError(cause)}. See that its database can be written.`,
          { queue, retryable: true, cause },
        );
      },
    );
    await within(this.#clock, deadlineMs, kept, () => {
      throw new QueueError(
        "send_unknown",
        `The delay store did not answer within ${Math.round(deadlineMs)} ms: it may have the message for queue "${queue}", or not. Sending it again may run the job twice.`,
        { queue, retryable: true },
      );
    });
    return `${HANDLE}${key}`;
  }

  /** Cancels by handle. Undefined if the handle is not from a delay store. */
  async cancel(handle: string): Promise<boolean | undefined> {
    if (!handle.startsWith(HANDLE)) return undefined;
    return this.store.cancel(handle.slice(HANDLE.length));
  }

  /** @param decode reads the bodies. A parameter, since a process that only sends does not load it. */
  async list(queue: string, limit: number, decode: typeof Decode): Promise<DelayedMessage[]> {
    const stored = await this.store.list(queue, limit);
    const reading = this.#format?.readingOf(queue);
    return stored.map(({ key, dueAt, body, attributes, orderingKey }) => {
      const copy = { body, attributes, orderingKey, brokerId: key, deliveryCount: 1, leaseUntil: 0 };
      const { message } = decode({ ...copy, receipt: undefined }, this.#clock.now(), reading);
      return { handle: `${HANDLE}${key}`, dueAt: new Date(dueAt), message };
    });
  }

  /** Calls `wake` with the due time of each message that this process stores for the queue, until the returned function is called. */
  onPut(queue: string, wake: (dueAt: number) => void): () => void {
    const waiting = this.#listeners.get(queue) ?? new Set();
    this.#listeners.set(queue, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#listeners.get(queue) === waiting) this.#listeners.delete(queue);
    };
  }
}
