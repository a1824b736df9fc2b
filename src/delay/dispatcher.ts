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

/** Longer than a send may take, so that a claim lapses only if its process died or the send failed. */
const CLAIM_MS = defaults.sendDeadlineMs + 5_000;
/** Concurrent sends. */
const MAX_SENDING = 500;
/** Time between two checks of a shared store, into which another process may put a message that is due sooner. */
const LOOK_MS = 1_000;
/** Time between two checks of a store that is not shared. Bounded, since the clock may be set, which timers ignore. */
const LONGEST_MS = 60_000;
/** Time limit of the store. Bounded, since a drain waits for the answer. */
const ANSWER_MS = 10_000;
/** Time until a store that failed is tried again. */
const FAILED_MS = 5_000;

/**
 * Sends the due messages of a delay store: each is claimed, sent, and only then removed. A crash in between sends it twice at
 * most, with one broker-side id, after its claim has lapsed. Every receiver of a queue dispatches for it.
 */
export class StoreDispatcher {
  readonly #options: StoreDispatcherOptions;
  readonly #sending = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #isAwake = true;
  /** Epoch milliseconds until which it sleeps. A message that is due later does not wake it. */
  #sleepsUntil = Number.POSITIVE_INFINITY;

  constructor(options: StoreDispatcherOptions) {
    this.#options = options;
  }

  /** Dispatches until `stop` aborts and the messages under way have been sent. Never rejects: failures are reported. */
  async run(stop: AbortSignal): Promise<void> {
    const { delays, queue } = this.#options;
    const unlisten = delays.onPut(queue, (dueAt) => {
      if (dueAt < this.#sleepsUntil) this.#wakeUp();
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
    // The end of a send wakes it.
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
        message: `Delayed messages of queue "${queue}" do not move on: the delay store fails: ${describeError(error)}`,
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
    this.#sleepsUntil = clock.now() + ms;
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

/** The broker-side id of a message without one: the same for every process that sends it. */
function dueId(key: string): string {
  return requeueId(key, "due", { brokerId: key });
}
