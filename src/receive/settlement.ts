import { sleep } from "../lib/clock.ts";
import { describeError } from "../errors.ts";
import { inOrder } from "../message/requeue.ts";
import { ATTEMPT, DECIDED, NOT_BEFORE, TARGET, UNKNOWN_SINCE } from "../message/system-attributes.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { ReceiverContext } from "./context.ts";
import { DeadLettering } from "./dead-lettering.ts";
import { Replacer } from "./replacer.ts";
import type { Run } from "./run.ts";

/** A message whose copy could not be sent is redelivered after this long. */
const COPY_FAILED_MS = 30_000;
/**
 * Upper bound for a retry delay, about 3,000 years. A due time beyond the latest JavaScript `Date` cannot be encoded, so
 * the message would be redelivered immediately.
 */
const LONGEST_MS = 1e14;
/** Time for the copy of a released message. A drain waits for it, and the process may be killed soon after. */
const RELEASE_DEADLINE_MS = 2_000;

/** Whether a disposition ends a run or a message. A message of an unknown type only waits for another worker. */
function isConclusion({ isReadable }: Run, disposition: Disposition): boolean {
  const waits =
    disposition.kind === "unknown_type" ||
    (disposition.kind === "retry" && disposition.reason === "unknown_type");
  return isReadable && !waits;
}

/**
 * Settles messages as their dispositions say. One rule holds throughout: the broker accepts a replacement before the
 * original is acknowledged. A crash in between leaves two copies; a failure leaves the original.
 */
export class Settlement {
  readonly #context: ReceiverContext;
  readonly #replacer: Replacer;
  readonly #deadLettering: DeadLettering;

  constructor(context: ReceiverContext) {
    this.#context = context;
    this.#replacer = new Replacer(context);
    this.#deadLettering = new DeadLettering(context, this.#replacer, (run) => this.#ack(run));
  }

  /** Settles a message whose handler has ended, or that is refused without a run, and reports it. */
  apply(run: Run, decided: Disposition): void {
    const disposition = this.final(run, decided);
    const { tracker } = this.#context;
    const concluding =
      tracker === undefined || !isConclusion(run, disposition)
        ? undefined
        : tracker.concluding(run, disposition);
    if (concluding === undefined) this.carryOut(run, disposition);
    else
      this.track(
        concluding.then((answer) => this.#concluded(run, answer)),
        run,
      );
  }

  /** Carries out a disposition that is no news to the tracker, and reports it. */
  carryOut(run: Run, disposition: Disposition): void {
    this.#report(run, disposition);
    if (disposition.kind === "ack") {
      this.#context.capacity.beginSettling();
      this.#ackThen(run, this.#acked);
      return;
    }
    this.track(this.#settle(run, disposition), run);
  }

  /** Dead-letters a message without a run. */
  refuse(run: Run, reason: "malformed" | "crash_loop", why: string): void {
    this.apply(run, { kind: "dead_letter", reason, error: new Error(why), ran: false });
  }

  /** Dead-letters a message that may be what kills its process, without a run. */
  refuseCrashLoop(run: Run): void {
    const deliveries = run.delivery.deliveryCount - run.released;
    const why = `delivered ${deliveries} times without a disposition: it may be what kills its worker`;
    this.refuse(run, "crash_loop", why);
  }

  /** Whether it was decided at an earlier delivery that the message is a dead letter. */
  isDecided(run: Run): boolean {
    return this.#deadLettering.isDecided(run);
  }

  /** Tries again to move a message to the dead-letter queue, without a run. */
  moveAgain(run: Run): void {
    this.track(this.#deadLetter(run), run);
  }

  /** Acknowledges a message that is meant for another receiver, which gets its own copy. Reported always. */
  skip(run: Run, target: string): void {
    const { queue, reporter } = this.#context;
    reporter.report({ event: "skipped", queue, id: run.id, target });
    this.track(this.#ack(run), run);
  }

  /** Acknowledges a message that a decoder ignores, and reports it. */
  ignore(run: Run): void {
    const { queue, reporter } = this.#context;
    const acked = this.#ack(run).then((gone) => {
      if (gone) reporter.report({ event: "ignored", queue, id: run.id });
    });
    this.track(acked, run);
  }

  /** Requeues a message for `delayMs`, without counting an attempt. */
  defer(run: Run, delayMs: number): void {
    this.track(this.#defer(run, delayMs), run);
  }

  /** Releases a message that has no disposition, because its receiver is refusing. */
  release(run: Run): void {
    const { capacity, reporter } = this.#context;
    if (run.startedAt === 0 && capacity.draining.aborted)
      reporter.report({ event: "released", job: run.info, why: "drain", delayMs: 0 });
    this.track(this.#releaseUncounted(run), run);
  }

  /** Releases a message that has waited behind a head of its key which will be redelivered. */
  releaseBehind(run: Run): void {
    this.track(this.#releaseInPlace(run), run);
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
  final(run: Run, disposition: Disposition): Disposition {
    if (disposition.kind === "unknown_type" && inOrder(run.delivery, this.#context.traits)) {
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

  /** The tracker has answered. Meanwhile, the lease was kept. */
  #concluded(run: Run, answer: Disposition | "abandon"): void {
    const { leases, reporter } = this.#context;
    // Without the lease, another receiver may have the message; or this one has ended.
    if (answer !== "abandon" && leases.keeps(run)) {
      this.carryOut(run, answer);
      return;
    }
    this.abandon(run);
    // Otherwise, the end of the handler is still to be reported.
    if (run.startedAt !== 0 && !run.isRunning) reporter.late(run);
  }

  #report(run: Run, disposition: Disposition): void {
    const { capacity, reporter } = this.#context;
    const { kind } = disposition;
    // A message that arrives at a paused receiver is put back without an event.
    const isPause =
      kind === "release" &&
      disposition.why === undefined &&
      run.startedAt === 0 &&
      !capacity.draining.aborted;
    if (!isPause) reporter.disposition(run, disposition);
  }

  async #settle(run: Run, disposition: Exclude<Disposition, { readonly kind: "ack" }>): Promise<void> {
    const { connection } = this.#context;
    switch (disposition.kind) {
      case "retry":
        return this.#retry(run, disposition.delayMs);
      case "release":
        return this.#releaseAsAsked(run, disposition.delayMs ?? 0);
      case "unknown_type":
        return this.#defer(run, disposition.delayMs, run.unknownSince ?? connection.clock.now());
      case "dead_letter":
        return this.#deadLetter(run, disposition);
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
    const { connection, traits, attempts } = this.#context;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    if (delayMs <= connection.limits.maxReleaseDelayMs || inOrder(run.delivery, traits)) {
      attempts.failed(run);
      return this.#releaseIn(run, delayMs);
    }
    const accepted = await this.#replacer.requeue(run, "retry", delayMs, {
      // The message has run, so it was neither early nor of an unknown type in the end.
      [NOT_BEFORE]: undefined,
      [UNKNOWN_SINCE]: undefined,
      [ATTEMPT]: run.attempt,
      [TARGET]: traits.target,
    });
    // Without a copy, the provider's longest delay comes nearest to the one that was asked for.
    return this.#replaced(run, accepted, connection.limits.maxReleaseDelayMs);
  }

  /** Redelivers the message after `delayMs` as if this delivery had not happened. */
  async #defer(
    run: Run,
    delayMs: number,
    unknownSince: number | undefined = run.unknownSince,
  ): Promise<void> {
    const { traits } = this.#context;
    if (inOrder(run.delivery, traits)) return this.#retry(run, delayMs);
    const accepted = await this.#replacer.requeue(run, "defer", delayMs, {
      [TARGET]: traits.target,
      [ATTEMPT]: run.attempt - 1 || undefined,
      [UNKNOWN_SINCE]: unknownSince,
    });
    return this.#replaced(run, accepted);
  }

  /** Redelivers the message after `askedMs`, without counting an attempt: in place if it must keep its place, else by a copy. */
  #releaseAsAsked(run: Run, askedMs: number): Promise<void> {
    const { traits, attempts } = this.#context;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    if (!(delayMs > 0)) return this.#releaseUncounted(run);
    if (!inOrder(run.delivery, traits)) return this.#defer(run, delayMs);
    if (attempts.isWorn(run)) return this.#releaseUncounted(run);
    attempts.released(run);
    return this.#releaseIn(run, delayMs);
  }

  /**
   * Releases at once, without counting an attempt. The provider counts the delivery, also if nothing failed in it, and
   * tells no other process so. A fresh copy, whose recorded attempts leave the delivery out, therefore replaces the
   * message. A message that must keep its place is released in place: see {@link Attempts}.
   */
  async #releaseUncounted(run: Run): Promise<void> {
    const { traits, attempts, reporter } = this.#context;
    const keepsPlace = inOrder(run.delivery, traits);
    if (!traits.countsDeliveries || (keepsPlace && !attempts.isWorn(run))) return this.#releaseInPlace(run);
    const changes = {
      [TARGET]: traits.target,
      [ATTEMPT]: attempts.failedBefore(run) || undefined,
      [UNKNOWN_SINCE]: run.unknownSince,
      // The copy has another id than the one by which this receiver remembers a decision.
      [DECIDED]: this.#deadLettering.recordOf(run),
    };
    const accepted = await this.#replacer.requeue(run, "defer", 0, changes, RELEASE_DEADLINE_MS);
    if (!accepted) return this.#releaseInPlace(run);
    if (keepsPlace) {
      reporter.warn(
        "order_lost",
        `Message ${run.id} was released ${run.delivery.deliveryCount} times without a failure. Its next delivery would have looked like a crash loop, so it was sent again, behind the other messages of its ordering key.`,
      );
    }
    await this.#ack(run);
  }

  #releaseInPlace(run: Run): Promise<void> {
    this.#context.attempts.released(run);
    return this.#release(run, 0);
  }

  /** Moves a message to the dead-letter queue. `decided` is the decision, unless it is known from an earlier delivery. */
  async #deadLetter(
    run: Run,
    decided?: Extract<Disposition, { readonly kind: "dead_letter" }>,
  ): Promise<void> {
    const againMs = await this.#deadLettering.move(run, decided);
    if (againMs !== undefined) await this.#releaseIn(run, againMs);
  }

  /** The replacement was accepted, so the original is acknowledged; or it was not, and the original is redelivered later. */
  async #replaced(run: Run, accepted: boolean, leastMs: number = 0): Promise<void> {
    if (accepted) await this.#ack(run);
    else await this.#releaseIn(run, Math.max(COPY_FAILED_MS, leastMs));
  }

  /**
   * Releases in place. The part of the delay that the provider cannot hold is waited for here, with the lease kept and the
   * key blocked. If too many messages wait so, it is left out.
   */
  async #releaseIn(run: Run, delayMs: number): Promise<void> {
    const { connection, capacity } = this.#context;
    const { maxReleaseDelayMs } = connection.limits;
    if (delayMs <= maxReleaseDelayMs) return this.#release(run, delayMs);
    if (!capacity.canHold) return this.#release(run, maxReleaseDelayMs);
    run.place?.held();
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
