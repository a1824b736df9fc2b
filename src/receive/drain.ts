import { type Clock, sleep } from "../lib/clock.ts";
import type { Source } from "../driver/contract.ts";
import { describeError } from "../errors.ts";
import type { Conclusions } from "./conclusions.ts";
import { drainDeadline } from "./errors.ts";
import type { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import type { Runner } from "./runner.ts";

/** The parts of a receiver that have to end, and how long they get. Times in milliseconds. */
export interface DrainOptions {
  readonly queue: string;
  readonly clock: Clock;
  /** For handlers to end by themselves. */
  readonly drainMs: number;
  /** After that, for handlers whose signal was aborted. */
  readonly graceMs: number;
  /** After that, for what is still on its way: the last poll, and verdicts. */
  readonly patienceMs: number;
  readonly running: Runner;
  readonly conclusions: Conclusions;
  readonly leases: LeaseKeeper;
  readonly source: Source;
  readonly reporter: Reporter;
  /** Gives a message back to its queue. */
  readonly handBack: (run: Run) => void;
}

const DONE = new Error("drained");

/** The end of a receiver, once nothing comes in any more: what runs gets its time, and what is left goes back. */
export class Drain {
  readonly #options: DrainOptions;
  #progressed: () => void = () => {};

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** To be called whenever a run or a conclusion has ended. */
  progressed(): void {
    this.#progressed();
  }

  /** Returns the runs that would not end. */
  async carryOut(): Promise<Run[]> {
    const { queue, drainMs, graceMs, patienceMs, running, conclusions, leases } = this.#options;
    await this.#until(() => running.size === 0, drainMs);
    for (const run of running.all()) {
      run.drained = true;
      run.abort(drainDeadline(queue, drainMs));
    }
    await this.#until(() => running.size === 0, graceMs);
    const left = running.all();
    for (const run of left) this.#giveBack(run);
    // The last poll has to come back as well, or what it brings would stay leased; but not for ever.
    await this.#until(() => conclusions.pending === 0, patienceMs);
    leases.stop();
    await this.#close();
    return left;
  }

  #giveBack(run: Run): void {
    // One whose lease is lost, or was given up, has had its verdict.
    if (run.fenced) return;
    run.fenced = true;
    this.#options.reporter.verdict(run, { kind: "release" });
    this.#options.handBack(run);
  }

  async #close(): Promise<void> {
    const { source, reporter } = this.#options;
    try {
      await source.close();
    } catch (error) {
      // All has been settled by now; who waits for the drain wants to hear of its jobs.
      reporter.warn("close_failed", `The source could not be closed: ${describeError(error)}`);
    }
  }

  /** Waits until `done` holds, looked at whenever a run or a conclusion ends, but no longer than `ms`. */
  async #until(done: () => boolean, ms: number): Promise<void> {
    if (done()) return;
    const enough = new AbortController();
    this.#progressed = () => {
      if (done()) enough.abort(DONE);
    };
    await sleep(this.#options.clock, ms, enough.signal);
    this.#progressed = () => {};
  }
}
