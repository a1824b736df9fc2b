import type { BackoffOptions } from "../backoff.ts";
import type { JobInfo } from "../diagnostics.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { Delivery } from "../driver/contract.ts";
import type { Message } from "../message/message.ts";
import type { SystemAttributes } from "../message/system-attributes.ts";
import type { Judge, ReceiveContext } from "../queue/queue.ts";
import type { Member } from "../lib/in-flight-set.ts";
import type { Leased } from "../transport/leased.ts";

/** What a run needs from its receiver. */
export interface RunHost {
  readonly queue: string;
  extend(run: Run): Promise<void>;
  failure(run: Run, error: unknown, backoff: BackoffOptions | undefined): Disposition;
  giveUp(run: Run, disposition: Disposition): void;
  leaseLost(run: Run): void;
}

/** One message in this process, from its receipt to its verdict; and the context that its handler sees. */
export class Run implements ReceiveContext, Leased {
  readonly delivery: Delivery;
  readonly message: Message;
  readonly meta: SystemAttributes;
  readonly receivedAt: number;
  readonly attempt: number;
  /** Deliveries of this copy that were handed back here without a run: not attempts, though the broker counts them. */
  readonly unstarted: number;
  leaseUntil: number;
  extending: Promise<void> | undefined;
  /** When its handler was called, in epoch milliseconds; 0 until then. */
  startedAt = 0;
  /** When its handler ended, or the run was given up. */
  endedAt = 0;
  held: Member<Leased> | undefined;
  /** Where its receiver lists it while its handler runs. */
  place: Member<Run> | undefined;
  /** Whoever says what the end of its handler means; undefined where the handler itself does. */
  judge: Judge | undefined;
  /** Its result counts for nothing any more: the lease is lost, or was given up. */
  fenced = false;
  /** Called once when it is out of our hands: true where it has left the queue, false where it comes again. */
  onLeft: ((gone: boolean) => void) | undefined;
  /** Whether its signal was aborted at the drain deadline. */
  drained = false;
  readonly #host: RunHost;
  #abort: AbortController | undefined;

  constructor(
    host: RunHost,
    delivery: Delivery,
    message: Message,
    meta: SystemAttributes,
    receivedAt: number,
    unstarted: number = 0,
  ) {
    this.#host = host;
    this.delivery = delivery;
    this.message = message;
    this.meta = meta;
    this.receivedAt = receivedAt;
    this.leaseUntil = delivery.leaseUntil;
    this.unstarted = unstarted;
    // A broker that counts no deliveries, or not all, has not counted what was handed back either.
    this.attempt = meta.attempt + Math.max(1, delivery.deliveryCount - unstarted);
  }

  get id(): string {
    return this.message.id;
  }

  get queue(): string {
    return this.#host.queue;
  }

  get unknownSince(): number | undefined {
    return this.meta.unknownSince;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Made anew each time: kept, it would be one more object to each message that is in hand. */
  get info(): JobInfo {
    const { id, type, maxAttempts } = this.message;
    return { id, type, queue: this.#host.queue, attempt: this.attempt, maxAttempts };
  }

  left(gone: boolean): void {
    const { onLeft } = this;
    this.onLeft = undefined;
    onLeft?.(gone);
  }

  abort(reason: Error): void {
    this.#abort ??= new AbortController();
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** Made when it is read, so that it may be taken out of the context. */
  get extend(): () => Promise<void> {
    return () => this.#host.extend(this);
  }

  failure(error: unknown, backoff?: BackoffOptions): Disposition {
    return this.#host.failure(this, error, backoff);
  }

  giveUp(disposition: Disposition): void {
    this.#host.giveUp(this, disposition);
  }

  judgedBy(judge: Judge): void {
    this.judge = judge;
  }

  onLeaseLost(): void {
    this.#host.leaseLost(this);
  }
}
