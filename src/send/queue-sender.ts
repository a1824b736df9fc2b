import { backoffDelayMs, requestBackoff } from "../backoff.ts";
import { sleep } from "../lib/clock.ts";
import { type Connection, queueError } from "../transport/connection.ts";
import type { Outgoing, SendResult } from "../driver/contract.ts";
import { DriverError, isRetryable } from "../driver/error.ts";
import { Batcher } from "../lib/batcher.ts";
import { BatchCall } from "./request.ts";
import { unknownOutcome } from "./outcomes.ts";
import type { SendRequest } from "./request.ts";

/** Short, since the caller of the send is waiting. */
const RETRY = requestBackoff(100, 5_000);
/** Concurrent calls for one queue. More calls would only carry fewer messages each. */
const MAX_CALLS = 16;

/** A transaction of the user, as its messages are written into it. */
export interface SendTransaction {
  /** The object that the user has passed. */
  readonly handle: object;
  /** Runs one statement after those that were given before. */
  inTurn<T>(statement: () => Promise<T>): Promise<T>;
}

/**
 * Sends the messages of one queue in batches. An ordered sender has one call in flight and repeats failed messages in place,
 * so that later messages never overtake them. Any other sender puts failed messages aside, and goes on. In a transaction, a
 * message that fails is not sent again: after a failed statement, a transaction can only be rolled back.
 */
export class QueueSender {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #ordered: boolean;
  readonly #transaction: SendTransaction | undefined;
  readonly #batcher: Batcher<SendRequest>;

  constructor(connection: Connection, queue: string, ordered: boolean, transaction?: SendTransaction) {
    this.#transaction = transaction;
    this.#connection = connection;
    this.#queue = queue;
    this.#ordered = ordered;
    const { maxBatch, maxBatchBytes } = connection.limits;
    this.#batcher = new Batcher({
      maxItems: maxBatch,
      maxBytes: maxBatchBytes,
      maxCalls: ordered || transaction !== undefined ? 1 : MAX_CALLS,
      clock: connection.clock,
      bytesOf: (item) => item.bytes,
      run: (items) => this.#run(items),
    });
  }

  /** Whether no message waits or is under way. A failed message of an unordered queue, which is tried again later, does not count. */
  get idle(): boolean {
    return this.#batcher.idle;
  }

  add(item: SendRequest): void {
    this.#batcher.add(item);
  }

  async #run(items: SendRequest[]): Promise<void> {
    let failed = await this.#call(items);
    if (!this.#ordered) {
      for (const item of failed) this.#addLater(item);
      return;
    }
    while (failed.length > 0) {
      await sleep(this.#connection.clock, Math.max(...failed.map((item) => this.#waitMs(item))));
      failed = await this.#call(failed);
    }
  }

  #addLater(item: SendRequest): void {
    item.pause = this.#connection.clock.timer(this.#waitMs(item), () => this.#batcher.add(item), true);
  }

  #waitMs(item: SendRequest): number {
    return backoffDelayMs(RETRY, item.failures, this.#connection.random);
  }

  /** Makes one call for the messages without an outcome. Returns those that are worth another try. */
  async #call(items: readonly SendRequest[]): Promise<SendRequest[]> {
    const live = items.filter((item) => !item.settled);
    if (live.length === 0) return [];
    const call = new BatchCall(live.length);
    for (const item of live) item.call = call;
    const messages = live.map((item) => item.outgoing);
    let results: SendResult[];
    try {
      results = await this.#send(messages, call.signal);
    } catch (error) {
      const failure: SendResult = { ok: false, error: error as DriverError };
      results = live.map(() => failure);
    }
    return live.filter((item, index) => this.#unanswered(item, results[index]));
  }

  #send(messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const transaction = this.#transaction;
    if (transaction === undefined) return this.#connection.send(this.#queue, messages, signal);
    const options = { transaction: transaction.handle };
    return transaction.inTurn(() => this.#connection.send(this.#queue, messages, signal, options));
  }

  /** Whether a message is worth another try. Reports a final result to its listener. */
  #unanswered(item: SendRequest, result: SendResult | undefined): boolean {
    item.call = undefined;
    if (item.settled) return false;
    if (result?.ok === true) {
      item.accept(result);
      return false;
    }
    // A message that the answer does not mention may or may not be stored.
    const error =
      result?.error ?? new DriverError("ambiguous", "the provider's answer did not mention this message");
    item.failures += 1;
    item.lastError = error;
    if (error.kind === "ambiguous") item.ambiguous = true;
    if (isRetryable(error.kind) && this.#transaction === undefined) return true;
    const final = queueError(error, this.#queue, "send to", this.#connection.driver.provider);
    item.refuse(item.ambiguous ? unknownOutcome(this.#queue, final) : final);
    return false;
  }
}
