import { describeError, QueueError } from "../errors.ts";
import { sleep } from "../lib/clock.ts";
import type { ReceiverContext } from "./context.ts";
import type { Run } from "./run.ts";
import type { Runner } from "./runner.ts";
import type { Settlement } from "./settlement.ts";

const DONE = new Error("drained");

/** The end of a receiver, after intake has stopped: running handlers get their time, and the rest is released. */
export class Drain {
  readonly #context: ReceiverContext;
  readonly #runner: Runner;
  readonly #settlement: Settlement;
  #progressed: () => void = () => {};

  constructor(context: ReceiverContext, runner: Runner, settlement: Settlement) {
    this.#context = context;
    this.#runner = runner;
    this.#settlement = settlement;
  }

  /** To be called whenever a run or a settlement has ended. */
  progressed(): void {
    this.#progressed();
  }

  /** Returns the runs that did not end. */
  async carryOut(): Promise<Run[]> {
    const { queue, settings, capacity, leases, connection } = this.#context;
    const { drainMs, graceMs, leaseMs } = settings;
    const runner = this.#runner;
    await this.#until(() => runner.size === 0, drainMs);
    for (const run of runner.all()) {
      run.drained = true;
      run.abort(drainDeadline(queue, drainMs));
    }
    await this.#until(() => runner.size === 0, graceMs);
    const left = runner.all();
    for (const run of left) this.#release(run);
    // The last poll has to return too, or its messages would stay leased. Bounded, since it may never return.
    await this.#until(() => capacity.settling === 0, Math.max(leaseMs, connection.limits.longPollMs));
    leases.stop();
    await this.#close();
    return left;
  }

  #release(run: Run): void {
    // A fenced run has lost its lease, or was given up and settled.
    if (run.fenced) return;
    run.fenced = true;
    this.#context.reporter.disposition(run, { kind: "release" });
    this.#settlement.release(run);
  }

  async #close(): Promise<void> {
    const { source, reporter } = this.#context;
    try {
      await source.close();
    } catch (error) {
      // Not rethrown: all messages are settled by now, and the caller of the drain waits to hear of its jobs.
      reporter.warn("close_failed", `The source could not be closed: ${describeError(error)}`);
    }
  }

  /** Waits until `done` holds, at most `ms`. It is checked whenever a run or a settlement ends. */
  async #until(done: () => boolean, ms: number): Promise<void> {
    if (done()) return;
    const enough = new AbortController();
    this.#progressed = () => {
      if (done()) enough.abort(DONE);
    };
    await sleep(this.#context.connection.clock, ms, enough.signal);
    this.#progressed = () => {};
  }
}

function drainDeadline(queue: string, drainMs: number): QueueError {
  const sentence = `The receiver of queue "${queue}" is shutting down, and its drain deadline of ${drainMs} ms has passed. Stop; the message is released.`;
  return new QueueError("draining", sentence, { queue });
}

/** The error of a drain that left runs behind. */
export function drainIncomplete(queue: string, left: readonly Run[]): QueueError {
  const names = left.slice(0, 5).map((run) => `${run.message.type} ${run.id}`);
  if (left.length > names.length) names.push(`${left.length - names.length} more`);
  const sentence = `${left.length} job(s) of queue "${queue}" ignored their signal and still run: ${names.join(", ")}. Their messages were released and will run again. Let handlers stop when context.signal aborts.`;
  return new QueueError("drain_incomplete", sentence, { queue });
}
