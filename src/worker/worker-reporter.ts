import { channels, type JobEvent, type ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { type AnyLogger, type Logger, silentLogger } from "../lib/logger.ts";
import { failureSentence } from "../queue/failure-sentence.ts";
import { guardedLogger } from "./guarded-logger.ts";
import { Listeners } from "./listeners.ts";
import { WorkerLog } from "./worker-log.ts";

type Event = JobEvent | ReceiveEvent;

/** Events of which one listener shows that the application looks at the failures of its jobs. */
const JOB_FAILURES = ["failed", "retrying", "dead_lettered"];

/**
 * Reports the events of a worker to its log and to its listeners. Without a log, the first failure for which there is no
 * listener is reported as a warning of the process, which Node prints on stderr.
 */
export class WorkerReporter {
  /** The user's logger, whose lines never throw; silent if there is none. */
  readonly logger: Logger;
  readonly listeners: Listeners = new Listeners((name, error, event) =>
    this.#listenerFailed(name, error, event),
  );
  /** Undefined if there is no logger. */
  readonly log: WorkerLog | undefined;
  #hasLoggerFailed = false;
  #isNoticeGiven = false;

  constructor(logger: AnyLogger | undefined, clock: Clock) {
    const guarded =
      logger === undefined ? undefined : guardedLogger(logger, (error) => this.#loggerFailed(error));
    this.logger = guarded ?? silentLogger;
    this.log = guarded === undefined ? undefined : new WorkerLog(guarded, clock);
  }

  report(event: Event): void {
    if (this.log !== undefined) this.log.saw(event);
    else if (!this.#isNoticeGiven && !this.#isHeard(event)) this.#notice(failureSentence(event));
    this.listeners.emit(event.event, event);
  }

  warn(queue: string, code: string, message: string): void {
    this.report({ event: "warning", queue, code, message });
  }

  /** Reports the error of a worker that has ended while nobody awaited its end. */
  ended(error: unknown): void {
    this.log?.failed(error);
    if (this.listeners.has("error")) {
      this.listeners.emit("error", error);
      return;
    }
    // An uncaught exception, as for any event `error` without a listener.
    queueMicrotask(() => {
      throw error;
    });
  }

  /** Whether there is a listener of the event, or a subscriber of its diagnostics channel. */
  #isHeard(event: Event): boolean {
    if (("job" in event ? channels.job : channels.receive).hasSubscribers) return true;
    return JOB_FAILURES.includes(event.event)
      ? JOB_FAILURES.some((failure) => this.listeners.has(failure))
      : this.listeners.has(event.event);
  }

  #listenerFailed(name: string, error: unknown, event: unknown): void {
    const message = `A listener of "${name}" failed: ${describeError(error)}. No job is affected. Handle errors inside the listener.`;
    const queue = queueOf(event);
    const warning: Event = { event: "warning", queue, code: "listener", message };
    if (name !== "warning") this.report(warning);
    // The listeners of warnings are not called again, since they would fail again.
    else if (this.log !== undefined) this.log.saw(warning);
    else this.#notice(message);
  }

  #loggerFailed(error: unknown): void {
    if (this.#hasLoggerFailed) return;
    this.#hasLoggerFailed = true;
    const message = `The worker's logger failed, and lines are lost: ${describeError(error)}.`;
    if (this.listeners.has("warning"))
      this.listeners.emit("warning", { event: "warning", queue: "", code: "logger", message });
    else this.#notice(message);
  }

  #notice(sentence: string | undefined): void {
    if (sentence === undefined || this.#isNoticeGiven) return;
    this.#isNoticeGiven = true;
    const how =
      'Further failures of this worker are not shown. To see them, pass a logger, as in new Worker(queue, { logger: console }), or listen, as in worker.on("failed", ({ job, error }) => …).';
    process.emitWarning(`${sentence} ${how}`, {
      type: "QueueportWarning",
      code: "QUEUEPORT_NOT_SHOWN",
    });
  }
}

function queueOf(event: unknown): string {
  if (typeof event !== "object" || event === null) return "";
  if ("job" in event) return (event as JobEvent).job.queue;
  return "queue" in event ? String(event.queue) : "";
}
