import { describeError } from "../errors.ts";
import { inThisContext } from "../lib/async-context.ts";
import type { PauseController } from "../lib/pause.ts";
import { show } from "../lib/text.ts";
import { ReturnPacing } from "./return-pacing.ts";

export interface CapacityOptions {
  /** Maximum number of concurrent handlers. */
  readonly concurrency: number;
  /**
   * Maximum number of unconfirmed settlements and of requested messages, added up. More than `concurrency`, so that slots
   * do not wait for confirmations.
   */
  readonly maxSettling: number;
  /**
   * Whether the queue keeps the order of its keys. A message of such a queue cannot be returned to it for later, so
   * nothing is fetched while too many runs wait.
   */
  readonly keepsOrder: boolean;
  /** Maximum concurrent handlers of one type; undefined means that only `concurrency` applies. */
  readonly limitOf?: ((type: string) => number | undefined) | undefined;
  /** Each of them pauses the receiver. @default none */
  readonly pauses?: readonly PauseController[] | undefined;
  readonly random: () => number;
}

const DRAINING = new Error("draining");

/**
 * Messages of one receiver that may be held until a backoff is over, with those that wait behind them. Chosen: each costs
 * the memory of its body, and a share of a request for every extension of its lease.
 */
export const MOST_HELD = 1_000;

/**
 * Messages of one receiver that may wait behind a running one of their key. No other receiver can get them until that
 * one is settled, so they keep nothing from others. Chosen, as {@link MOST_HELD} is.
 */
export const MOST_BEHIND = 1_000;

/**
 * The room in one receiver: its slots, unconfirmed settlements and held keys, and whether it is paused or draining. Parts
 * of the receiver that wait for room register a listener here. No other part calls back.
 */
export class Capacity {
  /** Number of runs that wait for a slot of their type. Set by the list that holds them. */
  waitingForSlot = 0;
  /** Number of runs that wait behind an earlier message of their key. Set by the queues that hold them. */
  waitingForKey = 0;
  /** Number of runs that wait behind a message which is held until its backoff is over. Set by the same queues. */
  waitingForHeld = 0;
  readonly #options: CapacityOptions;
  readonly #pacing: ReturnPacing;
  readonly #takenByType = new Map<string, number>();
  readonly #draining = new AbortController();
  /** Whether {@link draining} has aborted. Node checks the class of a signal at each read of `aborted`. */
  #isDraining = false;
  readonly #listeners: (() => void)[] = [];
  readonly #pauses: readonly PauseController[];
  readonly #unsubscribe: readonly (() => void)[];
  #running = 0;
  #settling = 0;
  #held = 0;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#pacing = new ReturnPacing(options.random);
    // In the asynchronous context of the receiver, as all else that starts runs: any code may call `resume`.
    const resumed = inThisContext(() => this.changed());
    this.#pauses = options.pauses ?? [];
    this.#unsubscribe = this.#pauses.map((pause) => pause.onResume(resumed));
  }

  /** Number of further messages that can be taken now. Requested messages that have not arrived yet are not subtracted. */
  get free(): number {
    const { concurrency, maxSettling, keepsOrder } = this.#options;
    if (this.#isPaused) return 0;
    if (keepsOrder && (this.waitingIsFull || this.waitingForKey >= MOST_BEHIND)) return 0;
    // Messages that are held until their backoff is over take nothing from other keys: `canHold` is their own bound.
    return Math.min(concurrency - this.#running, maxSettling + this.#held - this.#settling);
  }

  /** Whether another message may be held until its backoff is over. */
  get canHold(): boolean {
    return this.#held + this.waitingForHeld < MOST_HELD;
  }

  /** Whether the number of runs that wait for a slot of their type has reached `concurrency`. */
  get waitingIsFull(): boolean {
    return this.waitingForSlot >= this.#options.concurrency;
  }

  /** Whether arriving messages are released immediately, because the receiver is paused or draining. */
  get refusing(): boolean {
    return this.#isDraining || this.#isPaused;
  }

  get #isPaused(): boolean {
    // Asked several times a message. An iterator costs more than the one or two pauses.
    for (let index = 0; index < this.#pauses.length; index += 1)
      if (this.#pauses[index]?.paused === true) return true;
    return false;
  }

  /** Aborts when the receiver begins to drain. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  /** Settlements that are not confirmed yet. */
  get settling(): number {
    return this.#settling;
  }

  /** Takes a slot. Returns false if there is none for this type. */
  take(type: string): boolean {
    if (this.#running >= this.#options.concurrency) return false;
    const limit = this.#options.limitOf?.(type);
    if (limit !== undefined) {
      const taken = this.#takenByType.get(type) ?? 0;
      if (taken >= limit) return false;
      this.#takenByType.set(type, taken + 1);
    }
    this.#running += 1;
    return true;
  }

  /** Frees the slot of a run that took `ranMs` milliseconds. */
  release(type: string, ranMs: number): void {
    if (this.#takenByType.has(type)) this.#pacing.ended(type, ranMs);
    this.untake(type);
    this.changed();
  }

  /** Frees a slot in which nothing ran. No listener is called: the caller looks for the next run itself. */
  untake(type: string): void {
    this.#running -= 1;
    const taken = this.#takenByType.get(type);
    if (taken === undefined) return;
    if (taken === 1) this.#takenByType.delete(type);
    else this.#takenByType.set(type, taken - 1);
  }

  /** Returns after how many milliseconds a message is to be redelivered if it gets neither a slot nor room to wait. */
  awayMs(type: string, now: number): number {
    const { limitOf, concurrency } = this.#options;
    return this.#pacing.next(type, now, limitOf?.(type) ?? concurrency, this.waitingForSlot);
  }

  beginSettling(): void {
    this.#settling += 1;
  }

  endSettling(): void {
    this.#settling -= 1;
    // Listeners wait for a confirmation only if `maxSettling` was reached, or the receiver drains.
    if (this.#settling >= this.#options.maxSettling - 1 || this.#isDraining) this.changed();
  }

  /** Counts a message whose lease is kept until its backoff is over. */
  hold(): void {
    this.#held += 1;
    this.changed();
  }

  unhold(): void {
    this.#held -= 1;
  }

  /** Begins the drain. From now on, arriving messages are released. */
  drain(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#isDraining = true;
    this.#draining.abort(DRAINING);
  }

  /** Calls all listeners. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Registers a listener. Listeners are called in the order of registration. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

/**
 * Wraps the user's `concurrencyOf` in a function that never throws. `concurrencyOf` is also called when a slot is freed,
 * where its error could not fail any message. A type for which it throws is limited to 1, and the first error is reported
 * to `warn`.
 */
export function guardedLimits(
  concurrencyOf: (type: string) => number | undefined,
  warn: (code: string, message: string) => void,
): (type: string) => number | undefined {
  let isReported = false;
  return (type) => {
    try {
      return concurrencyOf(type);
    } catch (error) {
      if (!isReported) {
        warn(
          "concurrency_of",
          `concurrencyOf threw for ${show(type)}: ${describeError(error)}. Types for which it throws run one job at a time.`,
        );
      }
      isReported = true;
      return 1;
    }
  };
}
