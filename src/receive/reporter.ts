import type { Connection } from "../transport/connection.ts";
import { channels, type JobEvent, type JobInfo, type Origin, type ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import { inThisContext } from "../lib/async-context.ts";
import { onRejection } from "../lib/rejection.ts";
import type { Disposition } from "../queue/disposition.ts";
import { failureSentence } from "../queue/failure-sentence.ts";
import type { Run } from "./run.ts";

/** Reports events to the receiver's own listener and to the diagnostics channels. */
export class Reporter implements Origin {
  readonly provider: string;
  readonly queue: string;
  readonly source: object;
  /**
   * The time of day minus the monotonic clock, as of the last poll. With it, the start of a run is read from one clock
   * for all that is measured and reported of it.
   */
  epochMs = 0;
  readonly #onEvent: ((event: JobEvent | ReceiveEvent) => void) | undefined;
  #hasListenerFailed = false;
  #isNoticeGiven = false;

  /** Reports in the context of the caller of `receive`: an event may come from a request that belongs to any job. */
  readonly report: (event: JobEvent | ReceiveEvent) => void = inThisContext(
    (event: JobEvent | ReceiveEvent) => {
      this.#notify(event);
      const { provider, queue, source } = this;
      if ("job" in event) {
        if (channels.job.hasSubscribers) channels.job.publish({ ...event, provider, queue, source });
      } else if (channels.receive.hasSubscribers) {
        channels.receive.publish({ ...event, provider, queue, source });
      }
    },
  );

  constructor(
    { driver, source }: Connection,
    queue: string,
    onEvent: ((event: JobEvent | ReceiveEvent) => void) | undefined,
  ) {
    this.provider = driver.provider;
    this.queue = queue;
    this.source = source;
    this.#onEvent = onEvent;
  }

  started(run: Run): void {
    if (!this.#listening) return;
    const since = run.message.scheduledAt ?? run.message.createdAt;
    const waitMs = Math.max(0, run.startedAt + this.epochMs - since.getTime());
    const { info: job } = run;
    const { provider, queue, source } = this;
    this.#notify({ event: "started", job, waitMs });
    if (channels.job.hasSubscribers)
      channels.job.publish({ event: "started", job, waitMs, provider, queue, source });
  }

  /** Reports a disposition. `dead_lettered` is reported later, once the message is in the dead-letter queue. */
  disposition(run: Run, disposition: Disposition): void {
    // If nobody listens, the first failure is reported as a warning of the process.
    if (!this.#listening && (disposition.kind === "ack" || this.#isNoticeGiven)) return;
    const job = run.info;
    switch (disposition.kind) {
      case "ack":
        if (disposition.ran === false)
          this.report({ event: "not_run", job, why: disposition.why ?? "completed" });
        else this.#completed(job, durationOf(run));
        break;
      case "retry":
        this.#failed(run, job, disposition);
        this.report({ event: "retrying", job, ...of(disposition), delayMs: disposition.delayMs });
        break;
      case "dead_letter":
        if (disposition.ran !== false) this.#failed(run, job, disposition);
        break;
      case "release":
        this.report({
          event: "released",
          job,
          why: disposition.why ?? "drain",
          delayMs: disposition.delayMs ?? 0,
        });
        break;
      case "unknown_type":
        this.report({ event: "released", job, why: "unknown_type", delayMs: disposition.delayMs });
    }
  }

  warn(code: string, message: string): void {
    this.report({ event: "warning", queue: this.queue, code, message });
  }

  late(run: Run): void {
    this.report({ event: "late", job: run.info, durationMs: durationOf(run) });
  }

  get #listening(): boolean {
    return this.#onEvent !== undefined || channels.job.hasSubscribers;
  }

  #failed(run: Run, job: JobInfo, disposition: Failure): void {
    this.report({ event: "failed", job, durationMs: durationOf(run), ...of(disposition) });
  }

  /** Does what {@link report} would. Written out, since every job ends here and spreading an event costs more than the rest. */
  #completed(job: JobInfo, durationMs: number): void {
    const { provider, queue, source } = this;
    this.#notify({ event: "completed", job, durationMs });
    if (channels.job.hasSubscribers)
      channels.job.publish({ event: "completed", job, durationMs, provider, queue, source });
  }

  #notify(event: JobEvent | ReceiveEvent): void {
    if (this.#onEvent === undefined) {
      const { job, receive } = channels;
      const isHeard = "job" in event ? job.hasSubscribers : receive.hasSubscribers;
      if (!this.#isNoticeGiven && !isHeard) this.#notice(event);
      return;
    }
    try {
      const returned: unknown = this.#onEvent(event);
      if (returned !== undefined) onRejection(returned, (error) => this.#listenerFailed(event, error));
    } catch (error) {
      this.#listenerFailed(event, error);
    }
  }

  #notice(event: JobEvent | ReceiveEvent): void {
    const sentence = failureSentence(event);
    if (sentence === undefined) return;
    this.#isNoticeGiven = true;
    process.emitWarning(
      `${sentence} Further failures of this receiver are not shown. To see them, pass onEvent.`,
      { type: "QueueportWarning", code: "QUEUEPORT_NOT_SHOWN" },
    );
  }

  /** A listener that fails must cost neither the message nor the process. It hears of it, unless it failed at a warning. */
  #listenerFailed({ event }: JobEvent | ReceiveEvent, error: unknown): void {
    const message = `onEvent of the receiver of queue "${this.queue}" failed at the event "${event}": ${describeError(error)}. No job is affected. Handle errors inside onEvent.`;
    if (event !== "warning") this.warn("listener", message);
    if (this.#hasListenerFailed) return;
    this.#hasListenerFailed = true;
    process.emitWarning(message, { type: "QueueportWarning", code: "QUEUEPORT_LISTENER" });
  }
}

type Failure = Extract<Disposition, { readonly error: unknown }>;

/** The error of a failure, and the reason if no handler ran. */
function of({ error, reason }: Failure): { readonly error: unknown; readonly reason?: "unknown_type" } {
  return reason === "unknown_type" ? { error, reason: "unknown_type" } : { error };
}

function durationOf({ startedAt, endedAt }: Run): number {
  return endedAt - startedAt;
}
