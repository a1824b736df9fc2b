import { QueueError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Logger, silentLogger } from "../../lib/logger.ts";
import { asText, show } from "../../lib/text.ts";
import type { Message } from "../../message/message.ts";
import type { Json } from "../json.ts";
import type { JobLogLine, Priority } from "../store/job-row.ts";
import { iterate } from "../track/iterate.ts";
import { joined, type Report } from "../track/job-run.ts";
import { keptJson } from "../track/kept-json.ts";
import { logLine } from "../track/log-lines.ts";
import { recordedStep, Steps } from "../track/steps.ts";
import type { TrackedContext } from "../tracked-context.ts";

/** One report of progress. */
export interface PerformedProgress {
  readonly percent: number;
  readonly note: string | undefined;
}

/** The parts of a run that {@link Performing} does not make itself. */
export interface PerformingParts {
  readonly clock: Clock;
  readonly queue: string;
  readonly attempt: number;
  readonly saved: Json | undefined;
  readonly steps: Readonly<Record<string, Json>>;
  readonly signal: AbortSignal;
}

/** The context of a run that has neither a queue nor a store. It keeps what the handler reports. */
export class Performing implements TrackedContext {
  readonly queue: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly logger: Logger = silentLogger;
  readonly idempotencyKey: string;
  readonly fence: number;
  readonly isTracked = true;
  readonly tenant: string | undefined;
  readonly priority: Priority;
  readonly reports: PerformedProgress[] = [];
  readonly steps: Steps;
  readonly #message: Message;
  readonly #clock: Clock;
  #report: Report;

  constructor(message: Message, { clock, queue, attempt, saved, steps, signal }: PerformingParts) {
    this.#message = message;
    this.#clock = clock;
    this.queue = queue;
    this.attempt = attempt;
    this.signal = signal;
    this.idempotencyKey = message.id;
    this.fence = attempt;
    this.tenant = message.tenant;
    this.priority = message.priority ?? "normal";
    this.steps = new Steps(message.type, steps);
    this.#report = { saved: saved === undefined ? undefined : { value: saved }, steps };
  }

  /** The last checkpoint, the results of all steps, and the log, as a store would have them. */
  get kept(): Report {
    return this.#report;
  }

  get saved(): Json | undefined {
    return this.#report.saved?.value;
  }

  get progress(): TrackedContext["progress"] {
    return (percent, note) => {
      if (!(percent >= 0 && percent <= 100))
        throw new QueueError(
          "invalid_options",
          `progress takes a percentage from 0 to 100; got ${show(percent)}.`,
        );
      this.reports.push({ percent, note: note === undefined ? undefined : asText(note) });
    };
  }

  get extend(): TrackedContext["extend"] {
    return () => Promise.resolve();
  }

  get save(): TrackedContext["save"] {
    return async (value) => {
      const json = keptJson(value, "saved", `the checkpoint of ${show(this.#message.type)}`);
      this.reportLater({ saved: { value: JSON.parse(json) as Json } });
    };
  }

  get step(): TrackedContext["step"] {
    return <T>(name: string, work: () => T | Promise<T>) => recordedStep(this, this.steps, name, work);
  }

  get iterate(): TrackedContext["iterate"] {
    return (from, options) => iterate(this, from, options);
  }

  get log(): TrackedContext["log"] {
    return (level, message, fields) => {
      const line: JobLogLine = logLine(this.#clock.now(), level, message, fields);
      this.reportLater({ logs: [line] });
    };
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  get isToStop(): boolean {
    return this.signal.aborted;
  }

  interrupt(): unknown {
    return this.signal.reason;
  }

  async reportNow(report: Report): Promise<void> {
    this.reportLater(report);
  }

  reportLater(report: Report): void {
    this.#report = joined(this.#report, report) ?? report;
  }
}
