import { AsyncResource } from "node:async_hooks";
import type { Clock } from "../lib/clock.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import { type Disposition, dispositionOf } from "../queue/disposition.ts";
import type { ManagedHandler } from "../queue/managed-receive.ts";
import type { Capacity } from "./capacity.ts";
import type { ReceiverContext } from "./context.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import type { Settlement } from "./settlement.ts";

/** Runs handlers. Each run has a slot until its handler has ended. */
export class Runner {
  readonly #clock: Clock;
  readonly #capacity: Capacity;
  readonly #reporter: Reporter;
  readonly #handler: ManagedHandler;
  readonly #settlement: Settlement;
  readonly #runs = new InFlightSet<Run>();
  /** The asynchronous context of the caller of `receive`, in which each handler begins. */
  readonly #callers = new AsyncResource("queueport.receive");

  constructor(
    { connection, capacity, reporter }: ReceiverContext,
    handler: ManagedHandler,
    next: Settlement,
  ) {
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
   * Calls the handler. The slot of the run has been taken. To be called in the asynchronous context of the caller of
   * `receive`: the end of the run goes on in it.
   */
  start(run: Run): void {
    run.running = this.#runs.add(run);
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
    if (run.fenced) this.#reporter.late(run);
    else this.#settlement.apply(run, disposition);
    if (run.running !== undefined) this.#runs.remove(run.running);
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
