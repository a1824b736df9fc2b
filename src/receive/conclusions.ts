import { type BackoffOptions, mergeBackoff } from "../backoff.ts";
import { inOrder } from "../message/requeue.ts";
import type { Connection } from "../transport/connection.ts";
import { type Disposition, dispositionOfFailure } from "../queue/disposition.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { describeError } from "../errors.ts";
import type { ReceiveSettings } from "./options.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import type { Verdicts } from "./settlement.ts";

export interface ConclusionsOptions {
  readonly connection: Connection;
  readonly traits: QueueTraits;
  readonly settings: ReceiveSettings;
  readonly verdicts: Verdicts;
  readonly reporter: Reporter;
  /** Called whenever one has ended. */
  readonly ended: () => void;
}

/** What goes on after a handler: the last word on what was decided, its report, and the work of carrying it out. */
export class Conclusions {
  readonly #options: ConclusionsOptions;
  #pending = 0;

  constructor(options: ConclusionsOptions) {
    this.#options = options;
  }

  /** Conclusions under way: clones, copies, backoffs that are waited out, settlements. */
  get pending(): number {
    return this.#pending;
  }

  /** The verdict over a run that threw. */
  failed(run: Run, error: unknown, backoff?: BackoffOptions): Disposition {
    const { connection, settings } = this.#options;
    return dispositionOfFailure({
      error,
      attempt: run.attempt,
      maxAttempts: run.message.maxAttempts,
      backoff: mergeBackoff(settings.backoff, backoff, run.message.backoff),
      random: connection.random,
    });
  }

  conclude(run: Run, decided: Disposition): void {
    const disposition = this.#settled(run, decided);
    this.#options.reporter.verdict(run, disposition);
    if (disposition.kind === "ack") {
      this.#pending += 1;
      this.#options.verdicts.ackThen(run, this.#acked);
      return;
    }
    this.track(this.#carryOut(run, disposition), run);
  }

  /** Counts `work`, the work on `run` where it is for one, among the conclusions until it ends. */
  track(work: Promise<unknown>, run?: Run): void {
    this.#pending += 1;
    work.then(this.#end, (error: unknown) => {
      // Nothing in here is expected to throw. If it does, the lease is left to end, and the message comes again.
      if (run !== undefined) this.#options.verdicts.abandon(run);
      this.#options.reporter.warn("internal", `A verdict could not be carried out: ${describeError(error)}`);
      this.#end();
    });
  }

  readonly #acked = (run: Run, gone: boolean): void => {
    run.left(gone);
    this.#end();
  };

  readonly #end = (): void => {
    this.#pending -= 1;
    this.#options.ended();
  };

  /** What was decided, in the light of what only the receiver knows. */
  #settled(run: Run, disposition: Disposition): Disposition {
    if (disposition.kind === "unknown_type" && inOrder(run.delivery, run.id, this.#options.traits)) {
      // It cannot step aside without losing its place: to be unknown is to fail.
      const failed = this.failed(run, new Error(`no handler for type "${run.message.type}"`));
      return { ...failed, reason: "unknown_type" } as Disposition;
    }
    // A run that fails after it was told to stop has not failed: it is given back.
    const failed =
      disposition.kind === "retry" ||
      (disposition.kind === "dead_letter" && disposition.reason === "max_attempts");
    return run.drained && failed ? { kind: "release" } : disposition;
  }

  async #carryOut(run: Run, disposition: Exclude<Disposition, { readonly kind: "ack" }>): Promise<void> {
    const { verdicts, reporter, connection } = this.#options;
    switch (disposition.kind) {
      case "retry":
        return verdicts.retry(run, disposition.delayMs);
      case "release":
        return verdicts.handBack(run);
      case "unknown_type":
        return verdicts.defer(run, disposition.delayMs, run.unknownSince ?? connection.clock.now());
      case "dead_letter": {
        const attempts = disposition.ran === false ? run.attempt - 1 : run.attempt;
        const { reason, error } = disposition;
        const dead = await verdicts.deadLetter(run, reason, error, attempts);
        if (dead) reporter.report({ event: "dead_lettered", job: run.info, reason, error });
      }
    }
  }
}
