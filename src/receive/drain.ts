import { describeError, QueueError } from "../errors.ts";
import type { Limits } from "../driver/limits.ts";
import { sleep } from "../lib/clock.ts";
import { untilAborted, within } from "../lib/wait.ts";
import type { ReceiverContext } from "./context.ts";
import type { ReceiveSettings } from "./options.ts";
import type { Run } from "./run.ts";
import type { Runner } from "./runner.ts";
import type { Settlement } from "./settlement.ts";

const DONE = new Error("drained");
/** Time for the last settlements to be confirmed. */
const CONFIRM_MS = 1_000;
/** Time for the source to close. A connection that does not answer would take longer. */
const CLOSE_MS = 500;

/**
 * The longest time from the stop of a receiver to its end, without the close of the source: a process is killed if it
 * takes longer than its platform allows. The last poll gets its time, since its messages stay leased if it is abandoned.
 */
export function shutdownMs({ drainMs, graceMs }: ReceiveSettings, { longPollMs }: Limits): number {
  return Math.max(longPollMs, drainMs + graceMs) + CONFIRM_MS;
}

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
    const { queue, settings, capacity, leases, connection, reporter } = this.#context;
    const { drainMs, graceMs } = settings;
    const { clock, limits } = connection;
    const runner = this.#runner;
    let isOver = false;
    const end = clock.timer(
      shutdownMs(settings, limits),
      () => {
        isOver = true;
        this.#progressed();
      },
      true,
    );
    await this.#until(() => runner.size === 0, drainMs);
    for (const run of runner.all()) {
      run.drained = true;
      run.abort(drainDeadline(queue, drainMs));
    }
    await this.#until(() => runner.size === 0, graceMs);
    const left = runner.all();
    for (const run of left) this.#giveBack(run);
    // The last poll has to return too, or its messages would stay leased. Bounded, since it may never return.
    await this.#until(() => capacity.settling === 0 || isOver, Number.POSITIVE_INFINITY);
    end.cancel();
    if (capacity.settling > 0) reporter.warn("drain_unconfirmed", unconfirmed(queue));
    leases.stop();
    await this.#close();
    return left.filter(({ startedAt }) => startedAt !== 0);
  }

  #giveBack(run: Run): void {
    // A fenced run has lost its lease, or was given up and settled.
    if (run.fenced) return;
    run.fenced = true;
    // A run whose claim is waited for has nothing to conclude.
    if (run.startedAt === 0) this.#settlement.release(run);
    else this.#settlement.apply(run, { kind: "release" });
  }

  async #close(): Promise<void> {
    const { source, reporter, connection } = this.#context;
    try {
      await within(connection.clock, CLOSE_MS, source.close(), () => undefined);
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
    if (ms === Number.POSITIVE_INFINITY) await untilAborted(enough.signal);
    else await sleep(this.#context.connection.clock, ms, enough.signal);
    this.#progressed = () => {};
  }
}

function unconfirmed(queue: string): string {
  return `The receiver of queue "${queue}" ended before the provider had answered its last requests. Their messages are redelivered when their leases end.`;
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
