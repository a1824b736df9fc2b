import { describeError } from "../errors.ts";
import { inOrder } from "../message/requeue.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { Conclusion } from "../queue/tracker.ts";
import type { ReceiverContext } from "./context.ts";
import { DeadLettering } from "./dead-lettering.ts";
import { Redelivery } from "./redelivery.ts";
import { Replacer } from "./replacer.ts";
import type { Run } from "./run.ts";

/** Whether a disposition ends a run or a message. A message of an unknown type only waits for another worker. */
function isConclusion({ isReadable }: Run, disposition: Disposition): boolean {
  const waits =
    disposition.kind === "unknown_type" ||
    (disposition.kind === "retry" && disposition.reason === "unknown_type");
  return isReadable && !waits;
}

/**
 * Settles messages as their dispositions say, and reports it. One rule holds throughout: the broker accepts a replacement
 * before the original is acknowledged. A crash in between leaves two copies; a failure leaves the original.
 */
export class Settlement {
  readonly #context: ReceiverContext;
  readonly #deadLettering: DeadLettering;
  readonly #redelivery: Redelivery;

  constructor(context: ReceiverContext) {
    this.#context = context;
    const replacer = new Replacer(context);
    const acknowledge = (run: Run): Promise<boolean> => this.#ack(run);
    this.#deadLettering = new DeadLettering(context, replacer, acknowledge);
    this.#redelivery = new Redelivery(context, replacer, this.#deadLettering, acknowledge);
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
    else if (concluding instanceof Promise)
      this.track(
        concluding.then((answer) => this.#concluded(run, answer)),
        run,
      );
    else {
      try {
        this.#concluded(run, concluding);
      } catch (error) {
        this.track(Promise.reject(error), run);
      }
    }
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
    this.track(this.#redelivery.defer(run, delayMs), run);
  }

  /** Releases a message that has no disposition, because its receiver is refusing. */
  release(run: Run): void {
    const { capacity, reporter } = this.#context;
    if (run.startedAt === 0 && capacity.draining.aborted)
      reporter.report({ event: "released", job: run.info, why: "drain", delayMs: 0 });
    this.track(this.#redelivery.releaseNow(run), run);
  }

  /** Releases a message that has waited behind a head of its key which will be redelivered. */
  releaseBehind(run: Run): void {
    this.track(this.#redelivery.releaseInPlace(run), run);
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
  #concluded(run: Run, answer: Conclusion): void {
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
        return this.#redelivery.retry(run, disposition.delayMs);
      case "release":
        return this.#redelivery.release(run, disposition.delayMs ?? 0);
      case "unknown_type":
        return this.#redelivery.defer(run, disposition.delayMs, run.unknownSince ?? connection.clock.now());
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

  /** Moves a message to the dead-letter queue. `decided` is the decision, unless it is known from an earlier delivery. */
  async #deadLetter(
    run: Run,
    decided?: Extract<Disposition, { readonly kind: "dead_letter" }>,
  ): Promise<void> {
    const againMs = await this.#deadLettering.move(run, decided);
    if (againMs !== undefined) await this.#redelivery.releaseAfter(run, againMs);
  }
}
