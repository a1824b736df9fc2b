import { type Backoff, type BackoffOptions, mergeBackoff } from "../backoff.ts";
import type { JobInfo } from "../diagnostics.ts";
import type { Delivery } from "../driver/contract.ts";
import type { Member } from "../lib/in-flight-set.ts";
import { statesCreation } from "../message/complete-message.ts";
import type { Message } from "../message/message.ts";
import { DEAD_LETTER, type SystemAttributes } from "../message/system-attributes.ts";
import { type Disposition, dispositionOfFailure } from "../queue/disposition.ts";
import type { Decider, ManagedRun } from "../queue/managed-receive.ts";
import type { TrackedRun } from "../queue/tracker.ts";
import type { Leased } from "../transport/leased.ts";

/** The system attributes of a message whose body cannot be read. */
export const UNREADABLE: SystemAttributes = Object.freeze({ attempt: 0, redrive: 0 });

/** The receiver of a run, as its runs use it. */
export interface RunHost {
  readonly queue: string;
  /** The receiver's backoff, laid over the queue's. */
  readonly backoff: Backoff;
  /** Evenly distributed in [0, 1). */
  readonly random: () => number;
  extend(run: Run): Promise<void>;
  giveUp(run: Run, disposition: Disposition): void;
  leaseLost(run: Run): void;
  /** The number of failed runs before this one that count towards `maxAttempts`. */
  spentBefore(run: Run): number;
}

/** The place of a message in the queue of its ordering key. */
export interface KeyPlace {
  /**
   * Called once, when this process stops holding the message. `gone` is true if the message was removed from the queue,
   * false if it will be redelivered.
   */
  left(gone: boolean): void;
  /** Called when the message is held until its backoff is over. */
  held(): void;
}

/** One message in this process, from its receipt to its settlement; and the context that its handler sees. */
export class Run implements ManagedRun, TrackedRun, Leased {
  readonly delivery: Delivery;
  readonly message: Message;
  readonly system: SystemAttributes;
  readonly receivedAt: number;
  attempt: number;
  /** Whether the tracker counts the attempts of the job. The broker's count of deliveries is then no matter. */
  isCounted = false;
  tracking: unknown;
  /** Deliveries of this copy that this receiver released. They are no attempts, although the broker counts them. */
  readonly released: number;
  leaseUntil: number;
  extending: Promise<void> | undefined;
  /** When the handler was called, in milliseconds of the monotonic clock; 0 until then. */
  startedAt = 0;
  /** When the handler ended or the run was given up, in milliseconds of the monotonic clock. */
  endedAt = 0;
  held: Member<Leased> | undefined;
  /** The run's membership among the running ones, while its handler runs. */
  running: Member<Run> | undefined;
  /** Decides the disposition when the handler ends; undefined if the handler's result does. */
  decider: Decider | undefined;
  /** Whether the result of the run is discarded: the lease was lost or given up. */
  fenced = false;
  /** The place of the head of an ordering key, until this process stops holding the message. */
  place: KeyPlace | undefined;
  /** Whether the signal was aborted at the drain deadline. */
  drained = false;
  readonly #host: RunHost;
  #abort: AbortController | undefined;

  constructor(
    host: RunHost,
    delivery: Delivery,
    message: Message,
    system: SystemAttributes,
    receivedAt: number,
    leaseUntil: number,
    released: number = 0,
  ) {
    this.#host = host;
    this.delivery = delivery;
    this.message = message;
    this.system = system;
    this.receivedAt = receivedAt;
    this.leaseUntil = leaseUntil;
    this.released = released;
    // A broker that does not count all deliveries has not counted the released ones either.
    this.attempt = system.attempt + Math.max(1, delivery.deliveryCount - released);
  }

  get id(): string {
    return this.message.id;
  }

  get queue(): string {
    return this.#host.queue;
  }

  get attemptsOfCopy(): number {
    return this.system.attempt;
  }

  get redrive(): number {
    return this.system.redrive;
  }

  get wasDeadLetter(): boolean {
    return this.delivery.attributes[DEAD_LETTER] !== undefined;
  }

  get jobFlags(): string | undefined {
    return this.system.jobFlags;
  }

  get statesCreation(): boolean {
    return statesCreation(this.message);
  }

  /** Whether the handler has not ended, or the claim is waited for. */
  get isRunning(): boolean {
    return this.running !== undefined && this.running.index >= 0;
  }

  /** Whether the body can be read. If not, the id is the broker's. */
  get isReadable(): boolean {
    return this.system !== UNREADABLE;
  }

  get unknownSince(): number | undefined {
    return this.system.unknownSince;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Created on each read: a stored one would cost every message in this process another object. */
  get info(): JobInfo {
    const { id, type, maxAttempts } = this.message;
    return { id, type, queue: this.#host.queue, attempt: this.attempt, maxAttempts };
  }

  left(gone: boolean): void {
    const { place } = this;
    this.place = undefined;
    place?.left(gone);
  }

  abort(reason: Error): void {
    this.#abort ??= new AbortController();
    if (!this.#abort.signal.aborted) this.#abort.abort(reason);
  }

  /** A function of its own, so that it can be taken out of the context. */
  get extend(): () => Promise<void> {
    return () => {
      const extending = this.#host.extend(this);
      // A handler may not await it. A lease that is lost is reported, and aborts the signal; it must not end the process.
      extending.catch(() => undefined);
      return extending;
    };
  }

  failure(error: unknown, backoff?: BackoffOptions): Disposition {
    const { maxAttempts, backoff: ofMessage } = this.message;
    return dispositionOfFailure({
      error,
      attempt: this.attempt,
      failures: this.#host.spentBefore(this) + 1,
      maxAttempts,
      backoff: mergeBackoff(this.#host.backoff, backoff, ofMessage),
      random: this.#host.random,
    });
  }

  giveUp(disposition: Disposition): void {
    this.#host.giveUp(this, disposition);
  }

  decidedBy(decider: Decider): void {
    this.decider = decider;
  }

  onLeaseLost(): void {
    this.#host.leaseLost(this);
  }
}
