import { sleep } from "../lib/clock.ts";
import { requeueCopy, inOrder } from "../message/requeue.ts";
import type { Connection } from "../transport/connection.ts";
import { frameOf } from "../message/fingerprint.ts";
import { deadLetterAttributes, encodeInfo, errorLine } from "../message/dead-letter-info.ts";
import type { DeadLetterInfo, DeadLetterReason } from "../message/dead-letter-info.ts";
import { defaults } from "../defaults.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { Outgoing } from "../driver/contract.ts";
import { DriverError, type ErrorKind } from "../driver/error.ts";
import type { QueueTraits } from "../driver/limits.ts";
import {
  ATTEMPT,
  DEAD_LETTER,
  NOT_BEFORE,
  TARGET,
  UNKNOWN_SINCE,
  withSystemAttributes,
} from "../message/system-attributes.ts";
import type { Sender } from "../send/sender.ts";
import { crashLoopAt } from "../queue/crash-loop.ts";
import type { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Run } from "./run.ts";
import type { Settler } from "../transport/settler.ts";

export interface VerdictsOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly settler: Settler;
  readonly leases: LeaseKeeper;
  readonly queue: string;
  readonly traits: QueueTraits;
  readonly report: (event: JobEvent | ReceiveEvent) => void;
  /** Aborts when the receiver drains; what waits for its backoff here is then given back. */
  readonly draining: AbortSignal;
  /** Called when a message begins to be held: there may be room for others. */
  readonly onHold: () => void;
}

/** A message whose clone or copy could not be made is looked at again after this long. */
const COPY_FAILED_MS = 30_000;
/** Some three thousand years: what ends later than the latest date could not be noted, and would come at once. */
const LONGEST_MS = 1e14;

/**
 * Carries out what was decided over one message. The rule of all of it: what replaces a message is accepted by the
 * broker before the message is acknowledged. To die in between leaves two; to fail leaves the one.
 */
export class Verdicts {
  readonly #options: VerdictsOptions;
  #held = 0;

  constructor(options: VerdictsOptions) {
    this.#options = options;
  }

  /** Messages that are held, leased, until their backoff is over. */
  get held(): number {
    return this.#held;
  }

  /** Nothing is to become of it any more: its lease ends by itself, and the message comes again. */
  abandon(run: Run): void {
    this.#options.leases.remove(run);
    run.left(false);
  }

  ack(run: Run): Promise<boolean> {
    return new Promise((resolve) => {
      this.ackThen(run, (_, gone) => {
        run.left(gone);
        resolve(gone);
      });
    });
  }

  /** The same, without a promise: most verdicts are this one. That the run has left is told by `then`. */
  ackThen(run: Run, then: (run: Run, gone: boolean) => void): void {
    const { settler, leases } = this.#options;
    leases.remove(run);
    settler.settleThen({ kind: "ack", delivery: run.delivery }, run, then);
  }

  /** Again after `askedMs`, as the next attempt: in place where the provider can, else by a clone. */
  async retry(run: Run, askedMs: number): Promise<void> {
    const { connection, traits } = this.#options;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    const inPlace = delayMs <= connection.limits.maxReleaseDelayMs || inOrder(run.delivery, run.id, traits);
    if (inPlace) return this.#releaseIn(run, delayMs);
    // It ran: that it was early once, or of a type that nobody knew, is over.
    const over = { [NOT_BEFORE]: undefined, [UNKNOWN_SINCE]: undefined };
    const marks = { ...over, [ATTEMPT]: run.attempt, [TARGET]: traits.target };
    const attributes = withSystemAttributes(run.delivery.attributes, marks);
    await this.#replace(run, requeueCopy(run.delivery, run.id, "retry", attributes), delayMs);
  }

  /** Again after `delayMs`, as if this delivery had never been: the attempt is unchanged, unless `attempts` says how many were. */
  async defer(
    run: Run,
    delayMs: number,
    unknownSince: number | undefined = run.unknownSince,
    attempts: number = run.attempt - 1,
  ): Promise<void> {
    if (inOrder(run.delivery, run.id, this.#options.traits)) return this.retry(run, delayMs);
    const attributes = withSystemAttributes(run.delivery.attributes, {
      [TARGET]: this.#options.traits.target,
      [ATTEMPT]: attempts || undefined,
      [UNKNOWN_SINCE]: unknownSince,
    });
    await this.#replace(run, requeueCopy(run.delivery, run.id, "defer", attributes), delayMs);
  }

  /**
   * Back to the queue at once, unstarted or undecided. Each of these costs one delivery, and many of them must not
   * look like a crash loop: in time, a fresh copy takes the message's place.
   */
  async handBack(run: Run): Promise<void> {
    const { traits } = this.#options;
    const worn = run.delivery.deliveryCount >= crashLoopAt(run.message.maxAttempts, false) - 2;
    if (worn && traits.countsDeliveries && !inOrder(run.delivery, run.id, traits)) {
      // One that was handed to its handler has run, whatever became of it: attempts are never below the runs.
      const attempts = run.startedAt > 0 ? run.attempt : run.attempt - 1;
      return this.defer(run, 0, run.unknownSince, attempts);
    }
    return this.#release(run, 0);
  }

  /** True where it is a dead letter now; false where it is not, and was released. */
  async deadLetter(run: Run, reason: DeadLetterReason, error: unknown, attempts: number): Promise<boolean> {
    const { connection, queue, traits, settler, leases } = this.#options;
    const info: DeadLetterInfo = {
      reason,
      error: errorLine(error),
      frame: frameOf(error),
      attempts,
      source: queue,
      at: new Date(connection.clock.now()),
      firstSeenAt: run.message.createdAt,
      orderingKey: inOrder(run.delivery, run.id, traits) ? run.delivery.orderingKey : undefined,
    };
    if (traits.deadLetter === "native") {
      leases.remove(run);
      await run.extending;
      const attributes = { [DEAD_LETTER]: encodeInfo(info) };
      const operation = {
        kind: "dead_letter",
        delivery: run.delivery,
        reason,
        description: info.error,
        attributes,
      } as const;
      const gone = await settler.settle(operation, run);
      run.left(gone);
      return gone;
    }
    const attributes = deadLetterAttributes(run.delivery.attributes, info, connection.limits);
    // Dead letters have no order among them: a key each, so that none hides behind another.
    const orderingKey = run.delivery.orderingKey === undefined ? undefined : run.id;
    const copy = { ...requeueCopy(run.delivery, run.id, "dead_letter", attributes), orderingKey };
    try {
      await this.#options.sender.send(traits.deadLetterQueue, copy, defaults.sendDeadlineMs);
    } catch (cause) {
      await this.#keep(run, "dead_letter", cause);
      return false;
    }
    await this.ack(run);
    return true;
  }

  async #replace(run: Run, clone: Outgoing, delayMs: number): Promise<void> {
    try {
      await this.#options.sender.dispatch(this.#options.queue, clone, {
        delayMs,
        deadlineMs: defaults.sendDeadlineMs,
      });
    } catch (cause) {
      await this.#keep(run, "clone", cause);
      return;
    }
    await this.ack(run);
  }

  /** Its replacement could not be sent: the original stays, and comes again later. */
  #keep(run: Run, operation: string, cause: unknown): Promise<void> {
    const { report, queue } = this.#options;
    const inner = cause instanceof Error && cause.cause instanceof DriverError ? cause.cause : undefined;
    const kind: ErrorKind = inner?.kind ?? "permanent";
    report({ event: "settle_failed", queue, id: run.id, operation, error: cause, kind });
    return this.#releaseIn(run, COPY_FAILED_MS);
  }

  /** Back to the queue, in place. What the provider cannot delay is waited for here, with the lease held and its key blocked. */
  async #releaseIn(run: Run, delayMs: number): Promise<void> {
    const { connection, draining } = this.#options;
    const { maxReleaseDelayMs } = connection.limits;
    if (delayMs <= maxReleaseDelayMs) return this.#release(run, delayMs);
    this.#held += 1;
    this.#options.onHold();
    await sleep(connection.clock, delayMs - maxReleaseDelayMs, draining);
    this.#held -= 1;
    return this.#release(run, draining.aborted ? 0 : maxReleaseDelayMs);
  }

  async #release(run: Run, delayMs: number): Promise<void> {
    const { settler, leases } = this.#options;
    // An extension that overtakes the release would hide the message for a lease instead of the delay: none is made
    // any more, and the one under way is waited for.
    leases.remove(run);
    await run.extending;
    // Before the release, since the message may be back before that is confirmed.
    run.left(false);
    await settler.settle({ kind: "release", delivery: run.delivery, delayMs }, run);
  }
}
