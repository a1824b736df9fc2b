import type { Deadline, Deadlines } from "../lib/deadlines.ts";
import { ACK, type Disposition, isDisposition } from "../queue/disposition.ts";
import { isInstance, PermanentError, QueueError, RetryAfterError } from "../errors.ts";
import type { Logger } from "../lib/logger.ts";
import type { Message } from "../message/message.ts";
import type { Decider, ManagedRun } from "../queue/managed-receive.ts";
import { asText, show } from "../lib/text.ts";
import type { QueueState } from "./health.ts";
import type { Registration } from "./registry.ts";
import type { JobContext } from "./types.ts";

/** The time limits of a run, in milliseconds. */
export interface TimeLimits {
  /** From the start of the run to the abort of its signal. */
  readonly timeoutMs: number;
  /** From the timeout to the event `stuck`. */
  readonly graceMs: number;
  /** From the timeout to the moment at which the lease is given up. */
  readonly hardLimitMs: number;
}

/** The worker of a run: the parts that all runs share, and the events that it reports. */
export interface ExecutionHost {
  readonly deadlines: Deadlines;
  readonly limits: TimeLimits;
  readonly logger: Logger;
  progress(execution: Execution, percent: number, note: string | undefined): void;
  stuck(execution: Execution): void;
  /** There is no handler for the type. If none is found anywhere, the job is dead-lettered at `deadLetterAt`. */
  unknownType(message: Message, queue: string, deadLetterAt: number): void;
  /** A middleware called `next` too late, when nobody awaits the run any more. */
  misused(queue: string, error: QueueError): void;
  ended(execution: Execution, at: number): void;
}

/** One run of one handler under its time limits, and the context that the handler receives. */
export class Execution implements JobContext, Decider, Deadline {
  readonly message: Message;
  readonly startedAt: number;
  /** The time at which the run reaches its next time limit, in milliseconds of the monotonic clock. */
  at: number;
  heapIndex = -1;
  /** The queue in which the worker's health counts the run. */
  state: QueueState | undefined;
  readonly #context: ManagedRun;
  readonly #registration: Registration;
  readonly #host: ExecutionHost;
  #boundLogger: Logger | undefined;
  #timeout: QueueError | undefined;
  #stuck = false;
  #ended = false;

  constructor(message: Message, context: ManagedRun, registration: Registration, host: ExecutionHost) {
    this.message = message;
    this.startedAt = context.startedAt;
    this.at = context.startedAt + (registration.timeoutMs ?? host.limits.timeoutMs);
    this.#context = context;
    this.#registration = registration;
    this.#host = host;
    host.deadlines.set(this);
  }

  get queue(): string {
    return this.#context.queue;
  }

  get attempt(): number {
    return this.#context.attempt;
  }

  /** The value that the tracker of the worker keeps with the run. */
  get tracking(): unknown {
    return this.#context.tracking;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get logger(): Logger {
    const { id, type } = this.message;
    this.#boundLogger ??= this.#host.logger.child({ id, type, queue: this.queue, attempt: this.attempt });
    return this.#boundLogger;
  }

  /** A getter of a bound function, so that handlers can destructure it, and runs that do not use it cost nothing. */
  get progress(): JobContext["progress"] {
    return (percent, note) => {
      if (!(percent >= 0 && percent <= 100)) {
        throw new QueueError(
          "invalid_options",
          `progress takes a percentage from 0 to 100; got ${show(percent)}.`,
        );
      }
      // Converted, since a logger may not be able to read another value.
      const text = note === undefined || typeof note === "string" ? note : asText(note);
      if (!this.#ended) this.#host.progress(this, percent, text);
    };
  }

  get extend(): JobContext["extend"] {
    return () => this.#context.extend();
  }

  /** Called at each time limit: aborts the signal, then reports the run as stuck, then gives its lease up. */
  expire(): void {
    const { deadlines, limits } = this.#host;
    const { graceMs, hardLimitMs } = limits;
    const timeoutMs = this.#registration.timeoutMs ?? limits.timeoutMs;
    const timeoutAt = this.startedAt + timeoutMs;
    if (this.#timeout === undefined) {
      this.#timeout = timeoutError(this.message, this.queue, timeoutMs);
      this.#context.abort(this.#timeout);
      this.at = timeoutAt + Math.min(graceMs, hardLimitMs);
      deadlines.set(this);
    } else if (!this.#stuck) {
      this.#stuck = true;
      this.#host.stuck(this);
      this.at = timeoutAt + hardLimitMs;
      deadlines.set(this);
    } else {
      this.#context.giveUp(this.#failed(this.#timeout));
    }
  }

  /** Decides after the handler has returned. The value is the job's result, and the message is acknowledged. */
  returned(value: unknown, at: number): Disposition {
    this.end(at);
    return isDisposition(value) ? this.#failed(dispositionReturned(this.message, this.queue, value)) : ACK;
  }

  /** Decides after the handler has thrown, or could not be called. */
  threw(error: unknown, at: number): Disposition {
    this.end(at);
    return this.#failed(error);
  }

  end(at: number): void {
    this.#host.deadlines.cancel(this);
    this.#ended = true;
    this.#host.ended(this, at);
  }

  #failed(error: unknown): Disposition {
    return this.#context.failure(this.#cause(error), this.#registration.backoff);
  }

  /**
   * Returns the error with which the run failed. After a timeout, this is the timeout, unless the handler threw an
   * error that decides what happens to the job.
   */
  #cause(error: unknown): unknown {
    const decides = isInstance(error, PermanentError) || isInstance(error, RetryAfterError);
    return this.#timeout === undefined || decides ? error : this.#timeout;
  }
}

/** The value that the tracker of a worker keeps with the run of this context; undefined if there is no tracker. */
export function trackingOf(context: JobContext): unknown {
  return context instanceof Execution ? context.tracking : undefined;
}

function dispositionReturned({ type }: Message, queue: string, { kind }: Disposition): QueueError {
  return new QueueError(
    "invalid_options",
    `The handler of ${show(type)} returned a disposition of the kind "${kind}", but the return value of a Worker's handler is the job's result. Throw PermanentError to dead-letter the job, RetryAfterError or any other error to retry it; return to complete it. Dispositions belong to handlers of queue.receive.`,
    { queue },
  );
}

function timeoutError({ id, type }: Message, queue: string, timeoutMs: number): QueueError {
  return new QueueError(
    "timeout",
    `The job ${show(type)} ${id} ran longer than its time limit of ${timeoutMs} ms. Make it shorter, or raise its timeoutMs.`,
    { queue, retryable: true },
  );
}
