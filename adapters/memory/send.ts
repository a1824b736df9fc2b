import {
  type Attributes,
  type Body,
  DriverError,
  type Outgoing,
  type QueueTraits,
  type SendResult,
} from "../../src/driver/index.ts";
import { type BrokerContext, roundUp } from "./broker-context.ts";
import { DedupWindow } from "./dedup.ts";
import { type Content, StoredMessage } from "./message.ts";
import { handleOf } from "./names.ts";
import { refuseMessage } from "./refusals.ts";
import type { Store } from "./store.ts";

/** Puts messages into one queue: refuses them, absorbs duplicates, stores the rest, and cancels delayed ones. */
export class Enqueuer {
  readonly #queue: string;
  readonly #store: Store;
  readonly #context: BrokerContext;
  /** Delayed messages that can be cancelled, by their broker id. */
  readonly #cancellable = new Map<string, StoredMessage>();
  #dedup: DedupWindow | undefined;

  constructor(queue: string, store: Store, context: BrokerContext) {
    this.#queue = queue;
    this.#store = store;
    this.#context = context;
  }

  setDedupWindow(windowMs: number): void {
    if ((this.#dedup?.windowMs ?? 0) === windowMs) return;
    this.#dedup = windowMs > 0 ? new DedupWindow(windowMs) : undefined;
  }

  accept(message: Outgoing, traits: QueueTraits, now: number): SendResult {
    const { profile, capacity } = this.#context;
    const refusal = refuseMessage(this.#queue, message, traits, profile);
    if (refusal !== undefined) return { ok: false, error: refusal };

    const { dedupId, delayMs, orderingKey, native, cancellable = false } = message;
    const first = dedupId === undefined ? undefined : this.#dedup?.find(dedupId, now);
    if (first !== undefined) return this.#accepted(first, cancellable);
    if (this.#store.size >= capacity) {
      const error = new DriverError(
        "full",
        `Queue "${this.#queue}" holds ${capacity} messages, its capacity.`,
      );
      return { ok: false, error };
    }

    const brokerId = this.#context.nextId();
    const body = kept(message.body, profile.bytes);
    const attributes = profile.dropsEmptyAttributes ? filled(message.attributes) : message.attributes;
    const content = { body, attributes, orderingKey, native, deadLetter: undefined };
    const stored = new StoredMessage(content, brokerId, now);
    this.#store.add(stored, roundUp(delayMs, profile.limits.delayGranularityMs ?? 1), now);
    if (dedupId !== undefined) this.#dedup?.remember(dedupId, brokerId, now);
    if (cancellable && delayMs > 0) {
      stored.cancellable = true;
      this.#cancellable.set(brokerId, stored);
    }
    return this.#accepted(brokerId, cancellable);
  }

  /** Stores a message that a broker moves on its own. Returns false if the queue is full. */
  acceptMoved(content: Content, now: number): boolean {
    const { capacity } = this.#context;
    if (this.#store.size >= capacity) return false;
    this.#store.add(new StoredMessage(content, this.#context.nextId(), now), 0, now);
    return true;
  }

  /** Returns false if the message is not delayed any more. */
  cancel(brokerId: string): boolean {
    const message = this.#cancellable.get(brokerId);
    this.#cancellable.delete(brokerId);
    if (message?.state !== "delayed") return false;
    this.#store.remove(message);
    return true;
  }

  /** Notes that a message is being delivered and can no longer be cancelled. */
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

/** The body to store. Bytes are copied, since the sender may use its buffer again. */
function kept(body: Body, asBytes: boolean): Body {
  if (typeof body !== "string") return new Uint8Array(body);
  return asBytes ? Buffer.from(body) : body;
}

function filled(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes);
  if (entries.every(([, value]) => value !== "")) return attributes;
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}
