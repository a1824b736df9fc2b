import { describeError } from "../errors.ts";
import type { Disposition } from "../queue/disposition.ts";
import type { Conclusion, RunClaim, TrackedRun, Tracker } from "../queue/tracker.ts";

/**
 * Wraps a tracker so that none of its methods throws, whatever is wrong with it. A claim or a conclusion that throws is
 * rejected: the message is then abandoned, and redelivered.
 */
export class GuardedTracker implements Tracker {
  readonly #tracker: Tracker;
  readonly #warn: (code: string, message: string) => void;

  constructor(tracker: Tracker, warn: (code: string, message: string) => void) {
    this.#tracker = tracker;
    this.#warn = warn;
  }

  claim(run: TrackedRun): Promise<RunClaim> | RunClaim | undefined {
    try {
      return this.#tracker.claim(run);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  concluding(run: TrackedRun, disposition: Disposition): Promise<Conclusion> | Conclusion | undefined {
    try {
      return this.#tracker.concluding(run, disposition);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  buried(run: TrackedRun): void {
    this.#notify(() => this.#tracker.buried(run));
  }

  extended(run: TrackedRun): void {
    this.#notify(() => this.#tracker.extended(run));
  }

  leaseLost(run: TrackedRun): void {
    this.#notify(() => this.#tracker.leaseLost(run));
  }

  late(run: TrackedRun, disposition: Disposition): void {
    this.#notify(() => this.#tracker.late(run, disposition));
  }

  #notify(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#warn("internal", `A tracker threw: ${describeError(error)}. No message is affected.`);
    }
  }
}
