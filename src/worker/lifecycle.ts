import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** The parts of a worker that its lifecycle drives. */
export interface LifecycleHost {
  /** A reason not to begin, such as a worker without handlers. */
  refusal(): QueueError | undefined;
  /** Called before the first queue is received. */
  began(queues: readonly string[]): void;
  /** Receives one queue until `stop` aborts and running jobs are drained. Calls `onPolling` when the queue is polled. */
  receive(queue: string, stop: AbortSignal, onPolling: () => void): Promise<void>;
  /** Called when the receiver of a queue has ended with an error. */
  failed(queue: string, error: unknown): void;
  /** Called when the drain begins. */
  draining(): void;
  /** Called when every receiver has ended. */
  ended(): void;
}

/** The life of a worker from `run` or `start` to the end of its drain. It may be repeated. */
export class Lifecycle {
  readonly #host: LifecycleHost;
  #state: "idle" | "running" | "draining" | "stopped" = "idle";
  #stop: AbortController | undefined;
  #isStopping = false;
  /** Whether `start` started the worker, so that no caller awaits its end. */
  #isInBackground = false;
  #working: Promise<void> | undefined;

  constructor(host: LifecycleHost) {
    this.#host = host;
  }

  get state(): "idle" | "running" | "draining" | "stopped" {
    return this.#state;
  }

  /**
   * Works until `signal` aborts or {@link stop} is called. Calls `onPolling` once, when every queue is being polled.
   * @throws QueueError `already_running`, `invalid_options`; the error of a receiver
   */
  run(
    queues: string | readonly string[],
    signal: AbortSignal | undefined,
    onPolling?: () => void,
  ): Promise<void> {
    const names = Array.isArray(queues) ? [...queues] : [queues as string];
    const refusal = this.#refusal(names);
    if (refusal !== undefined) return Promise.reject(refusal);
    const stop = new AbortController();
    this.#stop = stop;
    this.#isStopping = false;
    this.#isInBackground = onPolling !== undefined;
    let unpolled = names.length;
    const polling = (): void => {
      unpolled -= 1;
      if (unpolled === 0) onPolling?.();
    };
    this.#working = this.#work(names, stop, signal, polling);
    return this.#working;
  }

  /**
   * Resolves when every queue is being polled. `onError` gets an error after that, unless `stop` throws it.
   * @throws QueueError as {@link run}
   */
  start(
    queues: string | readonly string[],
    signal: AbortSignal | undefined,
    onError: (error: unknown) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let isStarted = false;
      const started = (): void => {
        isStarted = true;
        resolve();
      };
      this.run(queues, signal, started).then(started, (error: unknown) => {
        if (!isStarted) reject(error);
        else if (!this.#isStopping) onError(error);
      });
    });
  }

  /** Drains. Rejects with the error of a worker that `start` started. The error of `run` rejects the promise of `run`. */
  async stop(): Promise<void> {
    const isWorking = this.#state === "running" || this.#state === "draining";
    this.#isStopping = true;
    this.#drain(this.#stop, new QueueError("closed", "The worker was stopped."));
    if (isWorking && this.#isInBackground) await this.#working;
    else await this.#working?.catch(() => undefined);
  }

  #refusal(queues: readonly string[]): QueueError | undefined {
    if (this.#state === "running" || this.#state === "draining") {
      return new QueueError(
        "already_running",
        "This worker is running already. Give run or start all queues at once, or create another worker.",
      );
    }
    const refusal = this.#host.refusal();
    if (refusal !== undefined) return refusal;
    if (queues.length === 0 || queues.some((queue) => typeof queue !== "string" || queue === "")) {
      return new QueueError(
        "invalid_options",
        `A worker needs a queue name, or a list of them; got ${show(queues.length === 0 ? "an empty list" : queues)}.`,
      );
    }
    if (new Set(queues).size < queues.length) {
      return new QueueError("invalid_options", `A worker was given one queue twice: ${queues.join(", ")}.`);
    }
    return undefined;
  }

  async #work(
    queues: readonly string[],
    stop: AbortController,
    signal: AbortSignal | undefined,
    onPolling: () => void,
  ): Promise<void> {
    const onAbort = (): void => this.#drain(stop, signal?.reason);
    this.#state = "running";
    this.#host.began(queues);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      const ends = await Promise.allSettled(queues.map((queue) => this.#receive(queue, stop, onPolling)));
      const errors = ends.filter((end) => end.status === "rejected").map((end) => end.reason as Error);
      if (errors.length > 0) throw combined(errors);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#host.ended();
      this.#state = "stopped";
    }
  }

  async #receive(queue: string, stop: AbortController, onPolling: () => void): Promise<void> {
    try {
      await this.#host.receive(queue, stop.signal, onPolling);
    } catch (error) {
      this.#host.failed(queue, error);
      // The other queues are drained as well, since a process that does half of its work would go unnoticed.
      this.#drain(stop, error);
      throw error;
    }
  }

  #drain(stop: AbortController | undefined, reason: unknown): void {
    if (this.#state === "running") {
      this.#state = "draining";
      this.#host.draining();
    }
    stop?.abort(reason);
  }
}

function combined(errors: readonly Error[]): Error {
  const [first] = errors;
  if (errors.length === 1 || !(first instanceof QueueError)) return first as Error;
  return new QueueError(first.code, errors.map((error) => error.message).join(" "), {
    queue: first.queue,
    cause: new AggregateError(errors),
  });
}
