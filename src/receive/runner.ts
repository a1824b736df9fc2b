import type { Clock } from "../lib/clock.ts";
import { type Disposition, dispositionOf } from "../queue/disposition.ts";
import type { Handler } from "../queue/queue.ts";
import { InFlightSet } from "../lib/in-flight-set.ts";
import type { Conclusions } from "./conclusions.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";

export interface RunnerOptions {
  readonly clock: Clock;
  readonly handler: Handler;
  readonly reporter: Reporter;
  readonly conclusions: Conclusions;
  /** Called when a handler has ended, and its slot is free. */
  readonly ended: (run: Run) => void;
}

/** The runs under way: each has a slot, and its handler has been called and has not ended. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #runs = new InFlightSet<Run>();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#runs.size;
  }

  all(): Run[] {
    return this.#runs.all();
  }

  start(run: Run): void {
    const { clock, handler, reporter } = this.#options;
    run.place = this.#runs.add(run);
    run.startedAt = clock.now();
    reporter.started(run);
    let ending: Promise<Disposition | void>;
    try {
      ending = Promise.resolve(handler(run.message, run));
    } catch (error) {
      ending = Promise.reject(error);
    }
    // Not awaited: what an async function keeps meanwhile is a fifth of what a message in hand takes. As an await would,
    // it goes by the promise itself, and not by a `then` that somebody put on it, which may call back twice.
    void Promise.prototype.then.call(
      ending,
      (value: Disposition | void) => {
        run.endedAt = clock.now();
        this.#ended(run, this.#ofReturned(run, value));
      },
      (error: unknown) => {
        run.endedAt = clock.now();
        this.#ended(run, this.#ofThrown(run, error));
      },
    );
  }

  /** Its verdict is `disposition`, and its handler goes on. */
  giveUp(run: Run, disposition: Disposition): void {
    if (run.fenced) return;
    run.endedAt = this.#options.clock.now();
    run.fenced = true;
    this.#options.conclusions.conclude(run, disposition);
  }

  #ofReturned(run: Run, value: Disposition | void): Disposition {
    const { judge } = run;
    try {
      return judge === undefined ? dispositionOf(value) : judge.returned(run.endedAt);
    } catch (error) {
      return this.#options.conclusions.failed(run, error);
    }
  }

  #ofThrown(run: Run, thrown: unknown): Disposition {
    const { judge } = run;
    const { conclusions } = this.#options;
    try {
      return judge === undefined ? conclusions.failed(run, thrown) : judge.threw(thrown, run.endedAt);
    } catch (error) {
      // What was thrown cannot be looked at.
      return conclusions.failed(run, error);
    }
  }

  #ended(run: Run, disposition: Disposition): void {
    const { reporter, conclusions, ended } = this.#options;
    if (run.fenced) reporter.late(run);
    else conclusions.conclude(run, disposition);
    if (run.place !== undefined) this.#runs.remove(run.place);
    ended(run);
  }
}
