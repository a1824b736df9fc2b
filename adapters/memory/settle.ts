import {
  DriverError,
  type ErrorKind,
  type Operation,
  type QueueTraits,
  type SettleResult,
} from "../../src/driver/index.ts";
import { type BrokerContext, roundUp } from "./broker-context.ts";
import { Lease, type StoredMessage } from "./message.ts";
import type { Store } from "./store.ts";

const DONE: SettleResult = Object.freeze({ ok: true });

/** The leases of one queue. Finds the lease of a delivery and carries out the operation on it. */
export class LeaseTable {
  readonly #queue: string;
  readonly #store: Store;
  readonly #context: BrokerContext;

  constructor(queue: string, store: Store, context: BrokerContext) {
    this.#queue = queue;
    this.#store = store;
    this.#context = context;
  }

  settle(operation: Operation, traits: QueueTraits, now: number): SettleResult {
    const lease = operation.delivery.receipt;
    if (!(lease instanceof Lease)) return this.#permanent("has a receipt of another driver");
    const { message } = lease;
    if (message.lease !== lease) return this.#lost();
    if (message.state === "gone") return operation.kind === "extend" ? this.#lost() : DONE;
    const isLate = message.state !== "leased";
    if (isLate && !(operation.kind === "ack" && this.#context.profile.lateAck)) return this.#lost();
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
    const { profile } = this.#context;
    const { maxLeaseMs, maxTotalLeaseMs } = profile.limits;
    if (!(leaseMs > 0 && leaseMs <= maxLeaseMs)) {
      return this.#permanent(`cannot be extended by ${leaseMs} ms: at most ${maxLeaseMs} are possible`);
    }
    if (now + leaseMs - lease.receivedAt > maxTotalLeaseMs) {
      return this.#permanent(
        `cannot be extended by ${leaseMs} ms: a message is held for at most ${maxTotalLeaseMs} ms`,
      );
    }
    this.#store.extend(lease, now + (fixedLeaseMs ?? profile.leaseMs(leaseMs)));
    return { ok: true, leaseUntil: lease.at - now + this.#context.clock.now() };
  }

  #release(lease: Lease, delayMs: number, now: number): SettleResult {
    const { maxHopMs, maxTotalLeaseMs, delayGranularityMs = 1 } = this.#context.profile.limits;
    if (!(delayMs >= 0 && delayMs <= maxHopMs)) {
      return this.#permanent(`cannot be released for ${delayMs} ms: at most ${maxHopMs} are possible`);
    }
    if (now + delayMs - lease.receivedAt > maxTotalLeaseMs) {
      return this.#permanent(
        `cannot be released for ${delayMs} ms: a message is hidden for at most ${maxTotalLeaseMs} ms from its receipt`,
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
    const target = traits.deadLetter === "native" ? this.#context.deadLettersOf(this.#queue) : undefined;
    if (target === undefined) {
      return this.#permanent("cannot be dead-lettered: the queue has no native dead letters");
    }
    const { reason, description } = operation;
    const { body, orderingKey, native } = message;
    const attributes = { ...message.attributes, ...operation.attributes };
    const deadLetter = { reason, description };
    if (!target.acceptDeadLetter({ body, attributes, orderingKey, native, deadLetter })) {
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
