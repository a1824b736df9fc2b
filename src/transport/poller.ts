import { backoffDelayMs, requestBackoff } from "../backoff.ts";
import type { Timer } from "../lib/clock.ts";
import type { Connection } from "./connection.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Delivery, Source } from "../driver/contract.ts";
import type { DriverError } from "../driver/error.ts";
import { inThisContext } from "../lib/async-context.ts";
import { atEndOfTick } from "../lib/end-of-tick.ts";

export interface PollerOptions {
  readonly queue: string;
  /** How many more messages can be taken now. The poller subtracts what it has requested and not received yet. */
  readonly capacity: { readonly free: number };
  readonly deliver: (deliveries: readonly Delivery[]) => void;
  readonly report: (event: ReceiveEvent) => void;
  /** Called if the first poll fails in a way that another try does not help. Nothing is fetched after that. */
  readonly failed: (error: DriverError) => void;
}

const RETRY = requestBackoff(200, 30_000);
/** Capped at 2 s so that polling resumes soon after the provider can be reached again. */
const RETRY_SOON = requestBackoff(200, 2_000);
/** A poll that returns empty sooner than this did not wait. Further polls are then spaced out. */
const EMPTY_AT_ONCE_MS = 20;
/** Added to the provider's long poll; after both, the poll counts as lost. */
const STALLED_AFTER_MS = 15_000;

/**
 * Fetches as many messages as there is room for. One poll is kept open. Full polls show a backlog, so more polls are then
 * opened in parallel, each for as many messages as one poll can return.
 */
export class Poller {
  readonly #connection: Connection;
  readonly #source: Source;
  readonly #options: PollerOptions;
  readonly #polls = new Set<AbortController>();
  #requested = 0;
  #pollLimit = 1;
  #failures = 0;
  #emptyAtOnce = 0;
  #pause: Timer | undefined;
  #scheduled = false;
  #everPolled = false;
  #stopped = false;
  /**
   * Fetches in the asynchronous context in which the poller was created. The code that wakes it belongs to a job or to a
   * sender, whose context must not become that of other jobs.
   */
  readonly #fetchLater = inThisContext(() => {
    this.#scheduled = false;
    this.#fetch();
  });

  constructor(connection: Connection, source: Source, options: PollerOptions) {
    this.#connection = connection;
    this.#source = source;
    this.#options = options;
  }

  /** Polls if there is room, at the end of this tick, when all of its slots have been freed. */
  wake(): void {
    if (this.#scheduled || this.#stopped || this.#pause !== undefined) return;
    this.#scheduled = true;
    atEndOfTick(this.#fetchLater);
  }

  /** Stops fetching. Resolves with the messages that arrived and were not delivered, still leased. */
  stop(): Promise<Delivery[]> {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#pause = undefined;
    for (const poll of this.#polls) poll.abort(STOPPED);
    return this.#source.stop();
  }

  #fetch(): void {
    const { maxReceive, maxPolls } = this.#connection.limits;
    const pollLimit = Math.min(this.#pollLimit, maxPolls);
    while (!this.#stopped && this.#pause === undefined && this.#polls.size < pollLimit) {
      const wanted = Math.min(maxReceive, this.#options.capacity.free - this.#requested);
      // A further poll is worth its request only if it can return full.
      if (wanted < (this.#polls.size === 0 ? 1 : maxReceive)) return;
      void this.#poll(wanted);
    }
  }

  async #poll(wanted: number): Promise<void> {
    const { clock, limits } = this.#connection;
    const poll = new AbortController();
    this.#polls.add(poll);
    this.#requested += wanted;
    const startedAt = clock.monotonic();
    const watch = clock.timer(limits.longPollMs + STALLED_AFTER_MS, () => {
      this.#options.report({
        event: "warning",
        queue: this.#options.queue,
        code: "poll_stalled",
        message: `A poll of queue "${this.#options.queue}" has not answered for ${limits.longPollMs + STALLED_AFTER_MS} ms; it is replaced.`,
      });
      poll.abort(STALLED);
    });
    let deliveries: readonly Delivery[] = [];
    let failure: DriverError | undefined;
    try {
      deliveries = await this.#source.next(wanted, poll.signal);
    } catch (error) {
      failure = error as DriverError;
    }
    watch.cancel();
    this.#polls.delete(poll);
    this.#requested -= wanted;
    if (failure !== undefined) this.#failed(failure);
    else if (!poll.signal.aborted) this.#polled(deliveries, wanted, startedAt);
    if (deliveries.length > 0) this.#options.deliver(deliveries);
    this.wake();
  }

  #polled(deliveries: readonly Delivery[], wanted: number, startedAt: number): void {
    const { clock } = this.#connection;
    this.#everPolled = true;
    this.#failures = 0;
    this.#options.report({
      event: "polled",
      queue: this.#options.queue,
      at: clock.now(),
      messages: deliveries.length,
    });
    const full = deliveries.length >= wanted && wanted === this.#connection.limits.maxReceive;
    if (full) this.#pollLimit = Math.min(this.#pollLimit + 1, this.#connection.limits.maxPolls);
    else if (deliveries.length === 0) this.#pollLimit = 1;
    else this.#pollLimit = Math.max(1, this.#pollLimit - 1);
    if (deliveries.length === 0 && clock.monotonic() - startedAt < EMPTY_AT_ONCE_MS) {
      this.#emptyAtOnce += 1;
      this.#wait(Math.min(1_000, EMPTY_AT_ONCE_MS * 2 ** this.#emptyAtOnce));
    } else {
      this.#emptyAtOnce = 0;
    }
  }

  #failed(error: DriverError): void {
    if (this.#stopped) return;
    const { report, queue, failed } = this.#options;
    const hopeless = error.kind === "not_found" || error.kind === "auth" || error.kind === "permanent";
    if (!this.#everPolled && hopeless) {
      this.#stopped = true;
      failed(error);
      return;
    }
    this.#failures += 1;
    this.#pollLimit = 1;
    const isPassing = error.kind === "transient" || error.kind === "ambiguous";
    const retryInMs = backoffDelayMs(isPassing ? RETRY_SOON : RETRY, this.#failures, this.#connection.random);
    report({ event: "poll_failed", queue, error, kind: error.kind, retryInMs });
    this.#wait(retryInMs);
  }

  #wait(ms: number): void {
    if (this.#stopped) return;
    this.#pause?.cancel();
    this.#pause = this.#connection.clock.timer(ms, () => {
      this.#pause = undefined;
      this.wake();
    });
  }
}

const STOPPED = new Error("the receiver has stopped");
const STALLED = new Error("the poll did not answer");
