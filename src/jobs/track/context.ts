import { QueueError } from "../../errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { handled } from "../../lib/rejection.ts";
import { asText, show } from "../../lib/text.ts";
import type { Message } from "../../message/message.ts";
import type { JobContext } from "../../worker/types.ts";
import type { Json } from "../json.ts";
import type { PlainAnswer } from "../store/change.ts";
import type { Priority } from "../store/job-row.ts";
import type { TrackedContext } from "../tracked-context.ts";
import { iterate } from "./iterate.ts";
import type { JobRun, Report } from "./job-run.ts";
import { keptJson } from "./kept-json.ts";
import { logLine } from "./log-lines.ts";
import { recordedStep, Steps } from "./steps.ts";
import type { JobTracker } from "./tracker.ts";

/** The context of one run, over the context of the worker. Its functions are made when they are read. */
export class RunContext implements TrackedContext {
  readonly #context: JobContext;
  readonly #message: Message;
  readonly #tracker: JobTracker;
  /** Undefined if the type is not tracked, or the id is that of another job. */
  readonly #job: JobRun | undefined;
  #steps: Steps | undefined;
  /** The last checkpoint of this run. */
  #saved: { readonly value: Json } | undefined;

  constructor(context: JobContext, message: Message, tracker: JobTracker, job: JobRun | undefined) {
    this.#context = context;
    this.#message = message;
    this.#tracker = tracker;
    this.#job = job;
  }

  get queue(): string {
    return this.#context.queue;
  }

  get attempt(): number {
    return this.#context.attempt;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  get extend(): JobContext["extend"] {
    return this.#context.extend;
  }

  get idempotencyKey(): string {
    return this.#message.id;
  }

  get fence(): number {
    const granted = this.#job?.granted;
    if (granted !== undefined) return granted.fence;
    throw new QueueError(
      "not_supported",
      `This run of ${show(this.#message.type)} ${this.#message.id} has no fence: it is not tracked, as the job store cannot be reached, or the type is not tracked. Look at isTracked first, or let such types wait for the store.`,
      { queue: this.queue },
    );
  }

  get isTracked(): boolean {
    return this.#job?.mode === "tracked";
  }

  get tenant(): string | undefined {
    return this.#job?.granted?.tenant ?? this.#message.tenant;
  }

  get priority(): Priority {
    return this.#job?.granted?.priority ?? this.#message.priority ?? "normal";
  }

  get saved(): Json | undefined {
    return this.#saved === undefined ? this.#job?.granted?.saved : this.#saved.value;
  }

  get progress(): TrackedContext["progress"] {
    const { progress } = this.#context;
    return (percent, note) => {
      // Checks the arguments.
      progress(percent, note);
      // Two decimals: a third of the work is no 33.333333333333336 in a record.
      this.reportLater({
        progress: Math.round(percent * 100) / 100,
        progressMessage: note === undefined ? undefined : asText(note),
      });
    };
  }

  get save(): TrackedContext["save"] {
    // A handler may not await it. A job that was taken over is aborted in any case; it must not end the process.
    return (value) => handled(this.#save(value));
  }

  async #save(value: unknown): Promise<void> {
    const json = keptJson(value, "saved", `the checkpoint of ${show(this.#message.type)}`);
    const saved = { value: JSON.parse(json) as Json };
    this.#saved = saved;
    await this.reportNow({ saved });
  }

  get step(): TrackedContext["step"] {
    return <T>(name: string, work: () => T | Promise<T>) => recordedStep(this, this.steps, name, work);
  }

  get iterate(): TrackedContext["iterate"] {
    return (from, options) => iterate(this, from, options);
  }

  get log(): TrackedContext["log"] {
    return (level, message, fields) => {
      const { logger } = this.#context;
      if (fields === undefined) logger[level](message);
      else logger[level](fields, message);
      this.reportLater({ logs: [logLine(this.#tracker.now(), level, message, fields)] });
    };
  }

  /** The results of the steps that are done, and the names that this run has used. */
  get steps(): Steps {
    this.#steps ??= new Steps(this.#message.type, this.#job?.granted?.steps);
    return this.#steps;
  }

  /** Milliseconds of the monotonic clock. */
  monotonic(): number {
    return this.#tracker.monotonic();
  }

  /** Whether the run is to stop at the next place from which it can go on: its worker drains, or it was aborted. */
  get isToStop(): boolean {
    return this.#tracker.isDraining || this.#context.signal.aborted;
  }

  /** The run stops at such a place: the message goes back without counting an attempt. Returns the error to throw. */
  interrupt(): unknown {
    const { signal } = this.#context;
    if (this.#tracker.isDraining && this.#job !== undefined) this.#job.isInterrupted = true;
    if (signal.aborted) return signal.reason as unknown;
    return new QueueError(
      "draining",
      `The worker of queue "${this.queue}" is shutting down. The job ${this.#message.id} goes on from its saved place, elsewhere.`,
      { queue: this.queue },
    );
  }

  /**
   * Writes a report. Resolves when it is durable, or kept for later.
   *
   * @throws QueueError `lease_lost` when another run has the job
   */
  async reportNow(report: Report): Promise<void> {
    if (this.#job === undefined || this.#job.isConcluded) return;
    const answer: PlainAnswer | undefined = await this.#tracker.touches.reportNow(this.#job, report);
    if (answer?.isFenced === true && answer.row !== undefined) {
      throw new QueueError(
        "lease_lost",
        `Another run has taken over the job ${this.#message.id} of queue "${this.queue}": nothing of this run is saved. Stop; its result is discarded.`,
        { queue: this.queue },
      );
    }
  }

  /** Writes a report within a second, or with the end of the run. */
  reportLater(report: Report): void {
    if (this.#job !== undefined) this.#tracker.touches.report(this.#job, report);
  }
}
