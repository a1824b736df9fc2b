import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { type AnyLogger, type Logger, silentLogger } from "../lib/logger.ts";
import { show } from "../lib/text.ts";
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
    const name = event.event;
    if (this.log !== undefined) this.log.saw(event);
    else if (!this.#isNoticeGiven && isFailure(event) && !this.#isHeard(name))
      this.#notice(sentenceOf(event));
    this.listeners.emit(name, event);
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

  #isHeard(name: Event["event"]): boolean {
    return JOB_FAILURES.includes(name)
      ? JOB_FAILURES.some((failure) => this.listeners.has(failure))
      : this.listeners.has(name);
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

  #notice(sentence: string): void {
    if (this.#isNoticeGiven) return;
    this.#isNoticeGiven = true;
    const how =
      'Further failures of this worker are not shown. To see them, pass a logger, as in new Worker(queue, { logger: console }), or listen, as in worker.on("failed", ({ job, error }) => …).';
    process.emitWarning(`${sentence.replaceAll(/\s+/g, " ")} ${how}`, {
      type: "QueueportWarning",
      code: "QUEUEPORT_NOT_SHOWN",
    });
  }
}

type Failure = Extract<
  Event,
  { event: "failed" | "dead_lettered" | "poll_failed" | "settle_failed" | "lease_lost" | "warning" }
>;

const FAILURES: readonly string[] = [
  "failed",
  "dead_lettered",
  "poll_failed",
  "settle_failed",
  "lease_lost",
  "warning",
] satisfies Failure["event"][];

function isFailure(event: Event): event is Failure {
  return FAILURES.includes(event.event);
}

function sentenceOf(event: Failure): string {
  switch (event.event) {
    case "failed":
      return `The job ${show(event.job.type)} ${event.job.id} of queue "${event.job.queue}" failed: ${describeError(event.error)}.`;
    case "dead_lettered":
      return `The job ${show(event.job.type)} ${event.job.id} of queue "${event.job.queue}" was dead-lettered as ${event.reason}: ${describeError(event.error)}.`;
    case "poll_failed":
      return `Receiving from queue "${event.queue}" failed: ${describeError(event.error)}.`;
    case "settle_failed":
      return `A message of queue "${event.queue}" could not be settled: ${describeError(event.error)}.`;
    case "lease_lost":
      return `The lease on a message of queue "${event.queue}" was lost; another worker may run its job.`;
    default:
      return event.message;
  }
}

function queueOf(event: unknown): string {
  if (typeof event !== "object" || event === null) return "";
  if ("job" in event) return (event as JobEvent).job.queue;
  return "queue" in event ? String(event.queue) : "";
}
