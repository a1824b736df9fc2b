import {
  DriverError,
  type ErrorKind,
  type Operation,
  type QueueTraits,
  type SettleResult,
} from "../../src/driver/index.ts";
import { Lease, type StoredMessage } from "./message.ts";
import type { Store } from "./store.ts";
import { grantedLeaseMs, roundUp, type BrokerContext } from "./surroundings.ts";

const DONE: SettleResult = Object.freeze({ ok: true });

/** The way out of one queue: carries out what is to become of its deliveries. */
export class Settlement {
  readonly #queue: string;
  readonly #store: Store;
  readonly #surroundings: BrokerContext;

  constructor(queue: string, store: Store, surroundings: BrokerContext) {
    this.#queue = queue;
    this.#store = store;
    this.#surroundings = surroundings;
  }

  settle(operation: Operation, traits: QueueTraits, now: number): SettleResult {
    const lease = operation.delivery.receipt;
    if (!(lease instanceof Lease)) return this.#permanent("has a receipt that is not of this driver");
    const { message } = lease;
    if (message.lease !== lease) return this.#lost();
    if (message.state === "gone") return operation.kind === "extend" ? this.#lost() : DONE;
    const isLate = message.state !== "leased";
    if (isLate && !(operation.kind === "ack" && this.#surroundings.profile.lateAck)) return this.#lost();
    switch (operation.kind) {
      case "ack":
        this.#store.remove(message);
        return DONE;
      case "extend":
        return this.#extend(lease, operation.leaseMs, traits.fixedLeaseMs, now);
      case "release":
        return this.#release(lease, operation.delayMs, now);
      case "dead_letter":
        return this.#deadLetter(message, operation, traits);
      default:
        return operation satisfies never;
    }
  }

  #extend(lease: Lease, leaseMs: number, fixedLeaseMs: number | undefined, now: number): SettleResult {
    const { profile } = this.#surroundings;
    const { maxLeaseMs, maxTotalLeaseMs } = profile.limits;
    if (!(leaseMs > 0 && leaseMs <= maxLeaseMs)) {
      return this.#permanent(`cannot be extended by ${leaseMs} ms: at most ${maxLeaseMs} are possible`);
    }
    if (now + leaseMs - lease.receivedAt > maxTotalLeaseMs) {
      return this.#permanent(
        `cannot be extended by ${leaseMs} ms: nothing is held for longer than ${maxTotalLeaseMs} ms`,
      );
    }
    this.#store.extend(lease, now + grantedLeaseMs(leaseMs, fixedLeaseMs, profile));
    return { ok: true, leaseUntil: lease.at };
  }

  #release(lease: Lease, delayMs: number, now: number): SettleResult {
    const { maxHopMs, maxTotalLeaseMs, delayGranularityMs = 1 } = this.#surroundings.profile.limits;
    if (!(delayMs >= 0 && delayMs <= maxHopMs)) {
      return this.#permanent(`cannot be released for ${delayMs} ms: at most ${maxHopMs} are possible`);
    }
    if (now + delayMs - lease.receivedAt > maxTotalLeaseMs) {
      return this.#permanent(
        `cannot be released for ${delayMs} ms: nothing is hidden for longer than ${maxTotalLeaseMs} ms from its receipt`,
      );
    }
    this.#store.release(lease, roundUp(delayMs, delayGranularityMs), now);
    return DONE;
  }

  #deadLetter(
    message: StoredMessage,
    operation: Operation & { readonly kind: "dead_letter" },
    traits: QueueTraits,
  ): SettleResult {
    const letters =
      traits.deadLetter === "native" ? this.#surroundings.deadLettersOf(this.#queue) : undefined;
    if (letters === undefined) {
      return this.#permanent("cannot be dead-lettered: the queue has no dead letters of its own");
    }
    const { reason, description } = operation;
    const { body, orderingKey } = message;
    const attributes = { ...message.attributes, ...operation.attributes };
    const deadLetter = { reason, description };
    if (!letters.acceptDeadLetter({ body, attributes, orderingKey, deadLetter })) {
      return this.#failed("full", "cannot be dead-lettered: the dead-letter queue is full");
    }
    this.#store.remove(message);
    return DONE;
  }

  #lost(): SettleResult {
    return this.#failed("lease_lost", "cannot be settled: its lease has ended");
  }

  #permanent(problem: string): SettleResult {
    return this.#failed("permanent", problem);
  }

  #failed(kind: ErrorKind, problem: string): SettleResult {
    return { ok: false, error: new DriverError(kind, `A delivery of queue "${this.#queue}" ${problem}.`) };
  }
}
