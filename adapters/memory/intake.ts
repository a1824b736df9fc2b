import {
  type Body,
  DriverError,
  type Outgoing,
  type QueueTraits,
  type SendResult,
} from "../../src/driver/index.ts";
import { DedupWindow } from "./dedup.ts";
import { handleOf } from "./handles.ts";
import { type Content, StoredMessage } from "./message.ts";
import { refuseMessage } from "./refusals.ts";
import type { Store } from "./store.ts";
import { roundUp, type BrokerContext } from "./surroundings.ts";

/** The way into one queue: what is refused, what is absorbed as a duplicate, what is stored, and what is called back. */
export class Poller {
  readonly #queue: string;
  readonly #store: Store;
  readonly #surroundings: BrokerContext;
  /** Delayed messages that can be cancelled, by their broker's id. */
  readonly #cancellable = new Map<string, StoredMessage>();
  #dedup: DedupWindow | undefined;

  constructor(queue: string, store: Store, surroundings: BrokerContext) {
    this.#queue = queue;
    this.#store = store;
    this.#surroundings = surroundings;
  }

  setDedupWindow(windowMs: number): void {
    if ((this.#dedup?.windowMs ?? 0) === windowMs) return;
    this.#dedup = windowMs > 0 ? new DedupWindow(windowMs) : undefined;
  }

  accept(message: Outgoing, traits: QueueTraits, now: number): SendResult {
    const { profile, capacity } = this.#surroundings;
    const refusal = refuseMessage(this.#queue, message, traits, profile);
    if (refusal !== undefined) return { ok: false, error: refusal };

    const { dedupId, delayMs, orderingKey, attributes, cancellable = false } = message;
    const first = dedupId === undefined ? undefined : this.#dedup?.find(dedupId, now);
    if (first !== undefined) return this.#accepted(first, cancellable);
    if (this.#store.size >= capacity) {
      const error = new DriverError(
        "full",
        `Queue "${this.#queue}" holds ${capacity} messages, its capacity.`,
      );
      return { ok: false, error };
    }

    const brokerId = this.#surroundings.nextId();
    const body = keep(message.body, profile.bytes);
    const stored = new StoredMessage({ body, attributes, orderingKey, deadLetter: undefined }, brokerId, now);
    this.#store.add(stored, roundUp(delayMs, profile.limits.delayGranularityMs ?? 1), now);
    if (dedupId !== undefined) this.#dedup?.remember(dedupId, brokerId, now);
    if (cancellable && delayMs > 0) {
      stored.cancellable = true;
      this.#cancellable.set(brokerId, stored);
    }
    return this.#accepted(brokerId, cancellable);
  }

  /** Takes in what a broker moves by itself; false where the queue is full. */
  acceptMoved(content: Content, now: number): boolean {
    const { capacity } = this.#surroundings;
    if (this.#store.size >= capacity) return false;
    this.#store.add(new StoredMessage(content, this.#surroundings.nextId(), now), 0, now);
    return true;
  }

  /** False where the message is not delayed any more. */
  cancel(brokerId: string): boolean {
    const message = this.#cancellable.get(brokerId);
    this.#cancellable.delete(brokerId);
    if (message?.state !== "delayed") return false;
    this.#store.remove(message);
    return true;
  }

  /** The message is being delivered. */
  forget(message: StoredMessage): void {
    if (message.cancellable) this.#cancellable.delete(message.brokerId);
    message.cancellable = false;
  }

  #accepted(brokerId: string, cancellable: boolean): SendResult {
    return cancellable
      ? { ok: true, brokerId, handle: handleOf(this.#queue, brokerId) }
      : { ok: true, brokerId };
  }
}

/** Bytes are copied: the sender may use its buffer again. */
function keep(body: Body, asBytes: boolean): Body {
  if (typeof body !== "string") return new Uint8Array(body);
  return asBytes ? Buffer.from(body) : body;
}
