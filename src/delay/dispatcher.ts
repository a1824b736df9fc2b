import { requeueId } from "../message/requeue.ts";
import type { Connection } from "../transport/connection.ts";
import { defaults } from "../defaults.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Sender } from "../send/sender.ts";
import { within } from "../lib/wait.ts";
import type { Delays } from "./delays.ts";
import type { StoredMessage } from "./store.ts";

export interface StoreDispatcherOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly delays: Delays;
  readonly queue: string;
  readonly report: (event: ReceiveEvent) => void;
}

/** Duration of a claim. Longer than any send, so that a claim lapses only if its process died or the send failed. */
const CLAIM_MS = defaults.sendDeadlineMs + 5_000;
/** Concurrent sends. */
const MAX_SENDING = 500;
/** Time between two checks of a shared store. Short, because another process may add a message that is due sooner. */
const LOOK_MS = 1_000;
/** Time between two checks of a store that is not shared. Limited, because a timer does not notice that the clock was set. */
const LONGEST_MS = 60_000;
/** Time limit of one call to the store, so that a drain does not wait longer than this for the store. */
const ANSWER_MS = 10_000;
/** Time between a failure of the store and the next check. */
const FAILED_MS = 5_000;

/**
 * Sends the due messages of a delay store. Each message is claimed, sent, and only then removed. After a crash before the
 * removal, the claim lapses and the message is sent again, with the same broker-side id. Every receiver of a queue runs a
 * dispatcher for that queue.
 */
export class StoreDispatcher {
  readonly #options: StoreDispatcherOptions;
  readonly #sending = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #isAwake = true;
  /** End of the sleep on the monotonic clock. A message that is due later does not wake the dispatcher. */
  #sleepsUntil = Number.POSITIVE_INFINITY;

  constructor(options: StoreDispatcherOptions) {
    this.#options = options;
  }

  /** Dispatches until `stop` aborts, and then waits for the sends that have begun. Never rejects: failures are reported. */
  async run(stop: AbortSignal): Promise<void> {
    const { connection, delays, queue } = this.#options;
    const { clock } = connection;
    const unlisten = delays.onPut(queue, (dueAt) => {
      if (dueAt - clock.now() < this.#sleepsUntil - clock.monotonic()) this.#wakeUp();
    });
    stop.addEventListener("abort", () => this.#wakeUp(), { once: true });
    while (!stop.aborted) {
      this.#isAwake = false;
      this.#sleepsUntil = Number.POSITIVE_INFINITY;
      await this.#sleep(await this.#look());
    }
    unlisten();
    while (this.#sending.size > 0) await Promise.all(this.#sending);
  }

  /** Claims due messages. Resolves with the milliseconds until the next check. */
  async #look(): Promise<number> {
    const { connection, delays, queue, report } = this.#options;
    const { clock } = connection;
    const limit = MAX_SENDING - this.#sending.size;
    // The end of a send wakes the dispatcher before this time has passed.
    if (limit <= 0) return LOOK_MS;
    try {
      const now = clock.now();
      const due = await this.#answer(delays.store.claimDue(queue, { now, claimMs: CLAIM_MS, limit }));
      for (const message of due) this.#dispatch(message);
      if (due.length === limit) return LOOK_MS;
      const nextAt = await this.#answer(delays.store.nextAt(queue));
      const mostMs = delays.store.shared === false ? LONGEST_MS : LOOK_MS;
      return Math.max(0, Math.min(mostMs, (nextAt ?? Number.POSITIVE_INFINITY) - clock.now()));
    } catch (error) {
      report({
        event: "warning",
        queue,
        code: "delay_store_unavailable",
        message: `Delayed messages of queue "${queue}" are not sent, because the delay store fails: ${describeError(error)}`,
      });
      return FAILED_MS;
    }
  }

  #dispatch(message: StoredMessage): void {
    const one = this.#send(message).finally(() => {
      this.#sending.delete(one);
      if (this.#sending.size === MAX_SENDING - 1) this.#wakeUp();
    });
    this.#sending.add(one);
  }

  async #send({ key, body, attributes, orderingKey, dedupId = dueId(key) }: StoredMessage): Promise<void> {
    const { sender, delays, queue, report } = this.#options;
    try {
      const outgoing = { body, attributes, orderingKey, dedupId, delayMs: 0 };
      await sender.send(queue, outgoing, defaults.sendDeadlineMs);
      await this.#answer(delays.store.done([key]));
    } catch (error) {
      // The claim lapses, and the message is sent again.
      report({ event: "settle_failed", queue, id: key, operation: "move", error, kind: "permanent" });
    }
  }

  #answer<T>(work: Promise<T>): Promise<T> {
    return within(this.#options.connection.clock, ANSWER_MS, work, () => {
      throw new Error(`no answer within ${ANSWER_MS} ms`);
    });
  }

  #wakeUp(): void {
    this.#isAwake = true;
    this.#wake();
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#isAwake || ms === 0) return;
    const { clock } = this.#options.connection;
    this.#sleepsUntil = clock.monotonic() + ms;
    await new Promise<void>((resolve) => {
      const timer = clock.timer(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }
}

/** Returns the broker-side id for a message that has none. Every process derives the same id from `key`. */
function dueId(key: string): string {
  return requeueId(key, "due", { brokerId: key });
}
