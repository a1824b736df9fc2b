import type { Connection } from "../connection.ts";
import { channels, type JobEvent, type ReceiveEvent } from "../diagnostics.ts";
import type { Disposition } from "../disposition.ts";
import type { Run } from "./run.ts";

/** Tells what happens to whoever asked: the receiver's own listener, and the diagnostics channels. */
export class Reporter {
  readonly #connection: Connection;
  readonly #queue: string;
  readonly #onEvent: ((event: JobEvent | ReceiveEvent) => void) | undefined;

  constructor(
    connection: Connection,
    queue: string,
    onEvent: ((event: JobEvent | ReceiveEvent) => void) | undefined,
  ) {
    this.#connection = connection;
    this.#queue = queue;
    this.#onEvent = onEvent;
  }

  report(event: JobEvent | ReceiveEvent): void {
    try {
      this.#onEvent?.(event);
    } catch (error) {
      // A listener's mistake is shown as any event listener's is, but must not cost the message its verdict.
      queueMicrotask(() => {
        throw error;
      });
    }
    const { provider } = this.#connection.driver;
    const { source } = this.#connection;
    if ("job" in event) {
      if (channels.job.hasSubscribers)
        channels.job.publish({ ...event, provider, queue: this.#queue, source });
    } else if (channels.receive.hasSubscribers) {
      channels.receive.publish({ ...event, provider, queue: this.#queue, source });
    }
  }

  started(run: Run): void {
    if (!this.#listening) return;
    const since = run.message.scheduledAt ?? run.message.createdAt;
    this.report({ event: "started", job: run.info, waitMs: Math.max(0, run.startedAt - since.getTime()) });
  }

  /** What was decided; a dead letter is reported as such once it is one. */
  verdict(run: Run, disposition: Disposition): void {
    if (!this.#listening) return;
    const job = run.info;
    switch (disposition.kind) {
      case "ack":
        this.report({ event: "completed", job, durationMs: this.#durationOf(run) });
        break;
      case "retry":
        this.report({ event: "failed", job, durationMs: this.#durationOf(run), error: disposition.error });
        this.report({ event: "retrying", job, delayMs: disposition.delayMs, error: disposition.error });
        break;
      case "dead_letter":
        if (disposition.ran !== false)
          this.report({ event: "failed", job, durationMs: this.#durationOf(run), error: disposition.error });
        break;
      case "release":
        this.report({ event: "released", job, why: "drain", delayMs: 0 });
        break;
      case "unknown_type":
        this.report({ event: "released", job, why: "unknown_type", delayMs: disposition.delayMs });
    }
  }

  warn(code: string, message: string): void {
    this.report({ event: "warning", queue: this.#queue, code, message });
  }

  late(run: Run): void {
    this.report({ event: "late", job: run.info, durationMs: this.#durationOf(run) });
  }

  get #listening(): boolean {
    return this.#onEvent !== undefined || channels.job.hasSubscribers;
  }

  #durationOf(run: Run): number {
    return this.#connection.clock.now() - run.startedAt;
  }
}
