import { frameOf } from "../message/fingerprint.ts";
import {
  type DeadLetterInfo,
  type DeadLetterReason,
  errorLine,
  infoAttributes,
} from "../message/dead-letter-info.ts";
import { describeError } from "../errors.ts";
import { sleep } from "../lib/clock.ts";
import { inOrder } from "../message/requeue.ts";
import { ATTEMPT, NOT_BEFORE, TARGET, UNKNOWN_SINCE } from "../message/system-attributes.ts";
import { crashLoopAt } from "../queue/crash-loop.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { ReceiverContext } from "./context.ts";
import { ReleaseCounts } from "./release-counts.ts";
import { Replacer } from "./replacer.ts";
import type { Run } from "./run.ts";

/** A message whose copy could not be sent is redelivered after this long. */
const COPY_FAILED_MS = 30_000;
/**
 * Upper bound for a retry delay, about 3,000 years. A due time beyond the latest JavaScript `Date` cannot be encoded, so
 * the message would be redelivered immediately.
 */
const LONGEST_MS = 1e14;

/**
 * Settles messages as their dispositions say. One rule holds throughout: the broker accepts a replacement before the
 * original is acknowledged. A crash in between leaves two copies; a failure leaves the original.
 */
export class Settlement {
  readonly #context: ReceiverContext;
  readonly #replacer: Replacer;
  readonly #releases = new ReleaseCounts();

  constructor(context: ReceiverContext) {
    this.#context = context;
    this.#replacer = new Replacer(context);
  }

  /** Deliveries of one copy that this receiver released without a run. */
  releasesOf(brokerId: string): number {
    return this.#releases.of(brokerId);
  }

  /** Settles a message whose handler has ended, or that is refused without a run, and reports it. */
  apply(run: Run, decided: Disposition): void {
    const disposition = this.#final(run, decided);
    this.#context.reporter.disposition(run, disposition);
    if (disposition.kind === "ack") {
      this.#context.capacity.beginSettling();
      this.#ackThen(run, this.#acked);
      return;
    }
    this.track(this.#carryOut(run, disposition), run);
  }

  /** Dead-letters a message without a run. */
  refuse(run: Run, reason: "malformed" | "crash_loop", why: string): void {
    this.apply(run, { kind: "dead_letter", reason, error: new Error(why), ran: false });
  }

  /** Acknowledges a message that is meant for another receiver, which gets its own copy. Reported always. */
  skip(run: Run, target: string): void {
    const { queue, reporter } = this.#context;
    reporter.report({ event: "skipped", queue, id: run.id, target });
    this.track(this.#ack(run), run);
  }

  /** Requeues a message for `delayMs`, without counting an attempt. */
  defer(run: Run, delayMs: number): void {
    this.track(this.#defer(run, delayMs), run);
  }

  /** Releases a message that has no disposition: its receiver is refusing, or it would overtake another. */
  release(run: Run): void {
    const { capacity, reporter } = this.#context;
    if (run.startedAt === 0) {
      this.#releases.add(run.delivery.brokerId);
      if (capacity.draining.aborted)
        reporter.report({ event: "released", job: run.info, why: "drain", delayMs: 0 });
    }
    this.track(this.#releaseUncounted(run), run);
  }

  /** Gives a message up: its lease ends on its own, and the message is redelivered. */
  abandon(run: Run): void {
    this.#context.leases.remove(run);
    run.left(false);
  }

  /** Counts `work` among the unconfirmed settlements until it ends. `run` is abandoned if the work throws. */
  track(work: Promise<unknown>, run?: Run): void {
    const { capacity, reporter } = this.#context;
    capacity.beginSettling();
    work.then(
      () => capacity.endSettling(),
      (error: unknown) => {
        // No settlement is expected to throw. If one does, the lease is left to end, and the message is redelivered.
        if (run !== undefined) this.abandon(run);
        reporter.warn("internal", `A message could not be settled: ${describeError(error)}`);
        capacity.endSettling();
      },
    );
  }

  /** The disposition in the light of what only the receiver knows. */
  #final(run: Run, disposition: Disposition): Disposition {
    if (disposition.kind === "unknown_type" && inOrder(run.delivery, run.id, this.#context.traits)) {
      // The message cannot step aside without losing its place, so an unknown type counts as a failed run.
      const failed = run.failure(new Error(`no handler for type "${run.message.type}"`));
      return { ...failed, reason: "unknown_type" } as Disposition;
    }
    // A run that fails after its signal was aborted by the drain has not failed: the message is released.
    const failed =
      disposition.kind === "retry" ||
      (disposition.kind === "dead_letter" && disposition.reason === "max_attempts");
    return run.drained && failed ? { kind: "release" } : disposition;
  }

  async #carryOut(run: Run, disposition: Exclude<Disposition, { readonly kind: "ack" }>): Promise<void> {
    const { connection, reporter } = this.#context;
    switch (disposition.kind) {
      case "retry":
        return this.#retry(run, disposition.delayMs);
      case "release":
        return this.#releaseUncounted(run);
      case "unknown_type":
        return this.#defer(run, disposition.delayMs, run.unknownSince ?? connection.clock.now());
      case "dead_letter": {
        const attempts = disposition.ran === false ? run.attempt - 1 : run.attempt;
        const { reason, error } = disposition;
        const gone = await this.#deadLetter(run, reason, error, attempts);
        if (gone) reporter.report({ event: "dead_lettered", job: run.info, reason, error });
      }
    }
  }

  #ack(run: Run): Promise<boolean> {
    return new Promise((resolve) => {
      this.#ackThen(run, (_, gone) => {
        run.left(gone);
        resolve(gone);
      });
    });
  }

  /** Acknowledges without a promise, since most settlements are acknowledgements. `then` reports that the run has left. */
  #ackThen(run: Run, then: (run: Run, gone: boolean) => void): void {
    const { settler, leases } = this.#context;
    leases.remove(run);
    settler.settleThen({ kind: "ack", delivery: run.delivery }, run, then);
  }

  readonly #acked = (run: Run, gone: boolean): void => {
    run.left(gone);
    this.#context.capacity.endSettling();
  };

  /** Redelivers the message after `askedMs`, as the next attempt: in place if the provider can, else by a copy. */
  async #retry(run: Run, askedMs: number): Promise<void> {
    const { connection, traits } = this.#context;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    if (delayMs <= connection.limits.maxReleaseDelayMs || inOrder(run.delivery, run.id, traits))
      return this.#releaseIn(run, delayMs);
    const accepted = await this.#replacer.requeue(run, "retry", delayMs, {
      // The message has run, so it was neither early nor of an unknown type in the end.
      [NOT_BEFORE]: undefined,
      [UNKNOWN_SINCE]: undefined,
      [ATTEMPT]: run.attempt,
      [TARGET]: traits.target,
    });
    return this.#replaced(run, accepted);
  }

  /** Redelivers the message after `delayMs` as if this delivery had not happened. `attempts` is recorded on the copy. */
  async #defer(
    run: Run,
    delayMs: number,
    unknownSince: number | undefined = run.unknownSince,
    attempts: number = run.attempt - 1,
  ): Promise<void> {
    const { traits } = this.#context;
    if (inOrder(run.delivery, run.id, traits)) return this.#retry(run, delayMs);
    const accepted = await this.#replacer.requeue(run, "defer", delayMs, {
      [TARGET]: traits.target,
      [ATTEMPT]: attempts || undefined,
      [UNKNOWN_SINCE]: unknownSince,
    });
    return this.#replaced(run, accepted);
  }

  /**
   * Releases at once, without counting an attempt. Each release costs one delivery, and many of them must not look like a
   * crash loop: before that, a fresh copy replaces the message.
   */
  async #releaseUncounted(run: Run): Promise<void> {
    const { traits } = this.#context;
    const worn = run.delivery.deliveryCount >= crashLoopAt(run.message.maxAttempts, false) - 2;
    if (worn && traits.countsDeliveries && !inOrder(run.delivery, run.id, traits)) {
      // A run that has started counts, whatever its result: attempts are never below the real runs.
      const attempts = run.startedAt > 0 ? run.attempt : run.attempt - 1;
      return this.#defer(run, 0, run.unknownSince, attempts);
    }
    return this.#release(run, 0);
  }

  /** Resolves true once the message is in the dead-letter queue; false if it was released instead. */
  async #deadLetter(run: Run, reason: DeadLetterReason, error: unknown, attempts: number): Promise<boolean> {
    const { connection, queue, traits } = this.#context;
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
    if (traits.deadLetter === "native") return this.#deadLetterNatively(run, info);
    const accepted = await this.#replacer.deadLetter(run, info);
    await this.#replaced(run, accepted);
    return accepted;
  }

  async #deadLetterNatively(run: Run, info: DeadLetterInfo): Promise<boolean> {
    const { settler, leases } = this.#context;
    const { delivery } = run;
    leases.remove(run);
    await run.extending;
    const attributes = infoAttributes(info);
    const gone = await settler.settle(
      { kind: "dead_letter", delivery, reason: info.reason, description: info.error, attributes },
      run,
    );
    run.left(gone);
    return gone;
  }

  /** The replacement was accepted, so the original is acknowledged; or it was not, and the original is redelivered later. */
  async #replaced(run: Run, accepted: boolean): Promise<void> {
    if (accepted) await this.#ack(run);
    else await this.#releaseIn(run, COPY_FAILED_MS);
  }

  /** Releases in place. The part of the delay that the provider cannot hold is waited for here, with the lease kept and the key blocked. */
  async #releaseIn(run: Run, delayMs: number): Promise<void> {
    const { connection, capacity } = this.#context;
    const { maxReleaseDelayMs } = connection.limits;
    if (delayMs <= maxReleaseDelayMs) return this.#release(run, delayMs);
    capacity.hold();
    await sleep(connection.clock, delayMs - maxReleaseDelayMs, capacity.draining);
    capacity.unhold();
    return this.#release(run, capacity.draining.aborted ? 0 : maxReleaseDelayMs);
  }

  async #release(run: Run, delayMs: number): Promise<void> {
    const { settler, leases } = this.#context;
    // An extension that overtakes the release would hide the message for a lease instead of the delay. So no further
    // extension is made, and the one under way is waited for.
    leases.remove(run);
    await run.extending;
    // Called before the release is confirmed, since the message may be back before that.
    run.left(false);
    await settler.settle({ kind: "release", delivery: run.delivery, delayMs }, run);
  }
}
