import { inOrder } from "../message/requeue.ts";
import type { QueueTraits } from "../driver/limits.ts";
import type { Conclusions } from "./conclusions.ts";
import { crashLoopAt } from "../queue/crash-loop.ts";
import type { Run } from "./run.ts";
import type { Runner } from "./runner.ts";
import type { Slots } from "./capacity.ts";
import type { Verdicts } from "./settlement.ts";

export interface AdmissionOptions {
  readonly traits: QueueTraits;
  readonly slots: Slots;
  readonly running: Runner;
  readonly conclusions: Conclusions;
  readonly verdicts: Verdicts;
  /** Whether what arrives is given back at once. */
  readonly isRefusing: () => boolean;
  readonly handBack: (run: Run) => void;
}

/** A message counts as due this much early: clocks differ, and the pump has looked before. */
const DUE_TOLERANCE_MS = 1_000;

/** Decides what happens to a message before its handler: run it, let it wait, or not at all. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  admit(run: Run, now: number): void {
    const { traits, slots, running, conclusions, verdicts, isRefusing, handBack } = this.#options;
    const deliveryCount = run.delivery.deliveryCount - run.unstarted;
    const crashLoop = crashLoopAt(run.message.maxAttempts, inOrder(run.delivery, run.id, traits));
    if (isRefusing()) {
      handBack(run);
    } else if (run.meta.target !== undefined && run.meta.target !== (traits.target ?? run.meta.target)) {
      // Parked, retried or redriven for somebody else, who receives what is sent here as well.
      conclusions.track(verdicts.ack(run), run);
    } else if (traits.countsDeliveries && deliveryCount >= crashLoop) {
      this.refuse(
        run,
        "crash_loop",
        `delivered ${deliveryCount} times without a verdict: it may be what kills its worker`,
      );
    } else if (run.meta.notBefore !== undefined && run.meta.notBefore > now + DUE_TOLERANCE_MS) {
      conclusions.track(verdicts.defer(run, run.meta.notBefore - now), run);
    } else if (slots.take(run.message.type)) {
      running.start(run);
    } else if (!slots.waitingIsFull || inOrder(run.delivery, run.id, traits)) {
      // What keeps its place cannot step aside for a while; where too much of it waits, nothing is fetched.
      slots.wait(run);
    } else {
      conclusions.track(verdicts.defer(run, slots.awayMs(run.message.type, now)), run);
    }
  }

  /** To the dead letters, without a run. */
  refuse(run: Run, reason: "malformed" | "crash_loop", why: string): void {
    const error = new Error(why);
    this.#options.conclusions.conclude(run, { kind: "dead_letter", reason, error, ran: false });
  }
}
