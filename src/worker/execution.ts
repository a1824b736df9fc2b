import type { Deadline, Deadlines } from "../deadlines.ts";
import type { Disposition } from "../disposition.ts";
import { PermanentError, QueueError, RetryAfterError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import type { ReceiveContext } from "../queue.ts";
import { show } from "../text.ts";
import type { JobContext } from "./types.ts";

/** How long a run may take, in milliseconds. */
export interface TimeLimits {
  readonly timeoutMs: number;
  /** After the timeout, until it counts as stalled. */
  readonly graceMs: number;
  /** After the timeout, until its lease is given up. */
  readonly hardLimitMs: number;
}

/** Who is told of what a run does before it ends. */
export interface ExecutionObserver {
  progress(execution: Execution, percent: number, note: string | undefined): void;
  stalled(execution: Execution): void;
}

/** One run of one handler under its time limits; and what the handler sees of it. */
export class Execution implements JobContext {
  readonly message: Message;
  readonly startedAt: number;
  stalled = false;
  readonly #context: ReceiveContext;
  readonly #deadlines: Deadlines;
  readonly #limits: TimeLimits;
  readonly #logger: Logger;
  readonly #observer: ExecutionObserver;
  #deadline: Deadline | undefined;
  #boundLogger: Logger | undefined;
  #timeout: QueueError | undefined;
  #ended = false;

  constructor(
    message: Message,
    context: ReceiveContext,
    startedAt: number,
    deadlines: Deadlines,
    limits: TimeLimits,
    logger: Logger,
    observer: ExecutionObserver,
  ) {
    this.message = message;
    this.startedAt = startedAt;
    this.#context = context;
    this.#deadlines = deadlines;
    this.#limits = limits;
    this.#logger = logger;
    this.#observer = observer;
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
    const { id, type } = this.message;
    this.#boundLogger ??= this.#logger.child({ id, type, queue: this.queue, attempt: this.attempt });
    return this.#boundLogger;
  }

  /** Made when it is read, so that it may be taken out of the context. */
  get progress(): JobContext["progress"] {
    return (percent, note) => {
      if (!(percent >= 0 && percent <= 100)) {
        throw new QueueError(
          "invalid_options",
          `progress takes a percentage from 0 to 100; got ${show(percent)}.`,
        );
      }
      if (!this.#ended) this.#observer.progress(this, percent, note);
    };
  }

  get extend(): JobContext["extend"] {
    return () => this.#context.extend();
  }

  /**
   * Runs `work`. Settles with what it returns, or with what `failed` says of what it throws; at the hard limit with
   * what `failed` says of the timeout, while the work goes on and keeps its slot until it ends.
   */
  run(work: () => Promise<Disposition>, failed: (error: unknown) => Disposition): Promise<Disposition> {
    return new Promise((resolve) => {
      const end = (disposition: Disposition): void => {
        if (this.#deadline !== undefined) this.#deadlines.cancel(this.#deadline);
        this.stalled = false;
        this.#ended = true;
        resolve(disposition);
      };
      const working = work();
      working.then(end, (error: unknown) => end(failed(this.#cause(error))));
      this.#await(() => {
        const verdict = failed(this.#timeout);
        const outlived = verdict.kind === "retry" || verdict.kind === "dead_letter";
        resolve(outlived ? { ...verdict, slot: working } : verdict);
      });
    });
  }

  /** A run that was told of its timeout failed of it, unless its handler says outright what is to become of it. */
  #cause(error: unknown): unknown {
    if (this.#timeout === undefined || error instanceof PermanentError || error instanceof RetryAfterError)
      return error;
    return this.#timeout;
  }

  #await(giveUp: () => void): void {
    const { timeoutMs, graceMs, hardLimitMs } = this.#limits;
    const at = this.startedAt + timeoutMs;
    this.#deadline = this.#deadlines.set(at, () => {
      this.#timeout = timeoutError(this.message, this.queue, timeoutMs);
      this.#context.abort(this.#timeout);
      this.#deadline = this.#deadlines.set(at + Math.min(graceMs, hardLimitMs), () => {
        this.stalled = true;
        this.#observer.stalled(this);
        this.#deadline = this.#deadlines.set(at + hardLimitMs, giveUp);
      });
    });
  }
}

function timeoutError({ id, type }: Message, queue: string, timeoutMs: number): QueueError {
  return new QueueError(
    "timeout",
    `The job ${show(type)} ${id} ran longer than its ${timeoutMs} ms. Make it shorter, or raise its timeoutMs.`,
    { queue, retryable: true },
  );
}
