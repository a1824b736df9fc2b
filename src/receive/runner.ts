import { AsyncResource } from "node:async_hooks";
import type { Clock } from "../lib/clock.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import { type Disposition, dispositionOf } from "../queue/disposition.ts";
import type { ManagedHandler } from "../queue/managed-receive.ts";
import type { Capacity } from "./capacity.ts";
import type { ReceiverContext } from "./context.ts";
import type { Reporter } from "./reporter.ts";
import type { RunClaim } from "../queue/tracker.ts";
import type { Run } from "./run.ts";
import type { Settlement } from "./settlement.ts";

const RELEASE: Disposition = { kind: "release" };

/** Runs handlers. Each run has a slot until its handler has ended. */
export class Runner {
  readonly #context: ReceiverContext;
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #reporter: Reporter;
  readonly #handler: ManagedHandler;
  readonly #settlement: Settlement;
  readonly #runs = new InFlightSet<Run>();
  /** The asynchronous context of the caller of `receive`, in which each handler begins. */
  readonly #callers = new AsyncResource("queueport.receive");

  constructor(context: ReceiverContext, handler: ManagedHandler, next: Settlement) {
    const { connection, capacity, reporter } = context;
    this.#context = context;
    this.#clock = connection.clock;
    this.#capacity = capacity;
    this.#reporter = reporter;
    this.#handler = handler;
    this.#settlement = next;
  }

  get size(): number {
    return this.#runs.size;
  }

  all(): Run[] {
    return this.#runs.all();
  }

  /**
   * Starts a run whose slot has been taken: the tracker is asked first, if there is one. To be called in the asynchronous
   * context of the caller of `receive`: the end of the run goes on in it.
   */
  start(run: Run): void {
    run.running = this.#runs.add(run);
    const { tracker } = this.#context;
    if (tracker === undefined) {
      this.#begin(run);
      return;
    }
    const claiming = tracker.claim(run);
    if (claiming === undefined) this.#beginUnlessCrashLoop(run);
    else if (claiming instanceof Promise) {
      const failed = (error: unknown): void => this.#claimFailed(run, error);
      claiming.then((claim) => this.#claimed(run, claim)).catch(failed);
    } else {
      try {
        this.#claimed(run, claiming);
      } catch (error) {
        this.#claimFailed(run, error);
      }
    }
  }

  #claimFailed(run: Run, error: unknown): void {
    this.#settlement.track(Promise.reject(error), run);
    this.#leave(run);
  }

  #claimed(run: Run, claim: RunClaim): void {
    const { capacity, leases, tracker } = this.#context;
    run.isCounted = !claim.run || claim.attempt !== undefined;
    if (claim.run && claim.attempt !== undefined) run.attempt = claim.attempt;
    if (run.fenced || !leases.keeps(run)) {
      // The lease was lost, or the drain gave the message back.
      if (claim.run) tracker?.late(run, RELEASE);
      this.#leave(run);
    } else if (!claim.run) {
      this.#settlement.carryOut(run, claim.disposition);
      this.#leave(run);
    } else if (capacity.refusing) {
      this.#settlement.apply(run, RELEASE);
      this.#leave(run);
    } else if (run.isCounted) {
      this.#begin(run);
    } else {
      this.#beginUnlessCrashLoop(run);
    }
  }

  /** Begins a run whose attempts the broker counts. */
  #beginUnlessCrashLoop(run: Run): void {
    if (this.#context.attempts.isCrashLoop(run)) {
      this.#settlement.refuseCrashLoop(run);
      this.#leave(run);
    } else {
      this.#begin(run);
    }
  }

  /** Frees the slot of a run that did not begin. */
  #leave(run: Run): void {
    const { capacity } = this.#context;
    if (run.running === undefined || !this.#runs.remove(run.running)) return;
    capacity.untake(run.message.type);
    capacity.changed();
  }

  /** Calls the handler. */
  #begin(run: Run): void {
    run.startedAt = this.#clock.monotonic();
    this.#reporter.started(run);
    let ending: Promise<unknown>;
    try {
      // In a scope of its own, since a handler may change the context of the code that calls it (`enterWith`): the next
      // handler would begin in the stores of this job. The handler is called without `this`.
      ending = Promise.resolve(
        this.#callers.runInAsyncScope<undefined, unknown>(this.#handler, undefined, run.message, run),
      );
    } catch (error) {
      ending = Promise.reject(error);
    }
    // Not awaited: the frame of an async function takes a fifth of the memory of a message in this process. Like `await`,
    // this ignores a `then` that a user put on the promise, which might call back twice.
    void Promise.prototype.then.call(
      ending,
      (value: unknown) => {
        run.endedAt = this.#clock.monotonic();
        this.#ended(run, dispositionOfReturn(run, value));
      },
      (error: unknown) => {
        run.endedAt = this.#clock.monotonic();
        this.#ended(run, dispositionOfThrow(run, error));
      },
    );
  }

  /** Settles the message as `disposition` says, while its handler goes on and keeps its slot. */
  giveUp(run: Run, disposition: Disposition): void {
    if (run.fenced) return;
    run.endedAt = this.#clock.monotonic();
    run.fenced = true;
    this.#settlement.apply(run, disposition);
  }

  #ended(run: Run, disposition: Disposition): void {
    // First, since a conclusion without a promise goes on at once.
    if (run.running !== undefined) this.#runs.remove(run.running);
    if (run.fenced) {
      this.#reporter.late(run);
      this.#context.tracker?.late(run, this.#settlement.final(run, disposition));
    } else {
      this.#settlement.apply(run, disposition);
    }
    this.#capacity.release(run.message.type, run.endedAt - run.startedAt);
  }
}

function dispositionOfReturn(run: Run, value: unknown): Disposition {
  const { decider } = run;
  try {
    return decider === undefined ? dispositionOf(value) : decider.returned(value, run.endedAt);
  } catch (error) {
    return run.failure(error);
  }
}

function dispositionOfThrow(run: Run, thrown: unknown): Disposition {
  const { decider } = run;
  try {
    return decider === undefined ? run.failure(thrown) : decider.threw(thrown, run.endedAt);
  } catch (error) {
    return run.failure(error);
  }
}
