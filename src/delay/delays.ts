import type { Clock } from "../lib/clock.ts";
import type { Outgoing } from "../driver/contract.ts";
import { decode } from "../message/envelope.ts";
import { describeError, QueueError } from "../errors.ts";
import { newId } from "../lib/ids.ts";
import type { DelayedMessage } from "../queue/queue.ts";
import type { DelayedSends } from "../send/sender.ts";
import { within } from "../lib/wait.ts";
import type { DelayStore, StoredMessage } from "./store.ts";

/** What handles begin with that a store can cancel. */
const HANDLE = "stored:";

/** Who waits for messages of a queue to be put. */
type Waiting = Map<string, Set<(dueAt: number) => void>>;

/** By the store: several queues of one process may have one. */
const waitingFor = new WeakMap<DelayStore, Waiting>();

/** The delayed messages of a connection that has a store for them. */
export class Delays implements DelayedSends {
  readonly store: DelayStore;
  readonly #clock: Clock;
  readonly #waiting: Waiting;

  constructor(store: DelayStore, clock: Clock) {
    this.store = store;
    this.#clock = clock;
    this.#waiting = waitingFor.get(store) ?? new Map();
    waitingFor.set(store, this.#waiting);
  }

  /** Resolves with its handle once the store has it. @throws QueueError `send_failed`, `send_unknown` */
  async put(queue: string, outgoing: Outgoing, dueAt: number, deadlineMs: number): Promise<string> {
    const { body, attributes, orderingKey, dedupId } = outgoing;
    const key = newId(this.#clock.now());
    const message: StoredMessage = { key, queue, dueAt, body, attributes, orderingKey, dedupId };
    const kept = this.store.put(message).then(
      () => {
        // Whoever dispatches in this process need not find it out.
        for (const wake of this.#waiting.get(queue) ?? []) wake(dueAt);
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
        `The delay store did not answer within ${deadlineMs} ms: it may have the message for queue "${queue}", or not. Sending it again may run the job twice.`,
        { queue, retryable: true },
      );
    });
    return `${HANDLE}${key}`;
  }

  /** Undefined where the handle is not of a store's making. */
  async cancel(handle: string): Promise<boolean | undefined> {
    if (!handle.startsWith(HANDLE)) return undefined;
    return this.store.cancel(handle.slice(HANDLE.length));
  }

  async list(queue: string, limit: number): Promise<DelayedMessage[]> {
    const stored = await this.store.list(queue, limit);
    return stored.map(({ key, dueAt, body, attributes, orderingKey }) => {
      const copy = { body, attributes, orderingKey, brokerId: key, deliveryCount: 1, leaseUntil: 0 };
      const decoded = decode({ ...copy, receipt: undefined }, this.#clock.now());
      return {
        handle: `${HANDLE}${key}`,
        dueAt: new Date(dueAt),
        message: decoded.ok ? decoded.message : undefined,
      };
    });
  }

  /** Calls `wake` whenever this process puts a message for this queue, with when it is due, until the returned function is called. */
  onPut(queue: string, wake: (dueAt: number) => void): () => void {
    const waiting = this.#waiting.get(queue) ?? new Set();
    this.#waiting.set(queue, waiting.add(wake));
    return () => waiting.delete(wake);
  }
}
