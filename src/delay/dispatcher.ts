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

/** Longer than a send may take: a claim that lapses is of a process that died, or of a send that failed. */
const CLAIM_MS = defaults.sendDeadlineMs + 5_000;
/** Sends at once. */
const MAX_IN_HAND = 500;
/** Between two looks, since another process may have put what is due sooner. */
const LOOK_MS = 1_000;
/** Between two looks where no other process can put anything: timers do not go by the clock, which may be set. */
const LONGEST_MS = 60_000;
/** A store that has not answered by then has failed: a drain waits for it. */
const ANSWER_MS = 10_000;
/** A store that fails is asked again after this long. */
const FAILED_MS = 5_000;

/**
 * Sends on what is due in the delay store: claimed, sent, and only then done. To die in between sends it twice at
 * most, with one broker-side id; the claim of a process that died lapses. Every receiver of a queue dispatches for it.
 */
export class StoreDispatcher {
  readonly #options: StoreDispatcherOptions;
  readonly #inHand = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #isAwake = true;
  /** What is due no sooner need not wake it; nothing is, while it looks. */
  #sleepsUntil = Number.POSITIVE_INFINITY;

  constructor(options: StoreDispatcherOptions) {
    this.#options = options;
  }

  /** Dispatches until `stop` aborts, and what is in hand has been sent. Never rejects: what goes wrong is reported. */
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
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
  }

  /** Takes what is due; resolves with how long there is nothing more to do. */
  async #look(): Promise<number> {
    const { connection, delays, queue, report } = this.#options;
    const { clock } = connection;
    const limit = MAX_IN_HAND - this.#inHand.size;
    // A place that comes free wakes it.
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
    const sending = this.#send(message).finally(() => {
      this.#inHand.delete(sending);
      if (this.#inHand.size === MAX_IN_HAND - 1) this.#wakeUp();
    });
    this.#inHand.add(sending);
  }

  async #send({ key, body, attributes, orderingKey, dedupId = dueId(key) }: StoredMessage): Promise<void> {
    const { sender, delays, queue, report } = this.#options;
    try {
      const outgoing = { body, attributes, orderingKey, dedupId, delayMs: 0 };
      await sender.send(queue, outgoing, defaults.sendDeadlineMs);
      await this.#answer(delays.store.done([key]));
    } catch (error) {
      // Its claim lapses, and it is sent again then.
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

/** For what has none of its own: one that is the same whoever sends it. */
function dueId(key: string): string {
  return requeueId(key, "due", { brokerId: key });
}
