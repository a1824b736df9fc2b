import type { Clock } from "../lib/clock.ts";
import type { JobEvent, JobInfo, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../lib/logger.ts";
import { ConditionLog } from "./condition-log.ts";

/** The state of a queue that could not be polled. */
interface Outage {
  /** Time of the first failure, in epoch milliseconds. */
  readonly since: number;
  failures: number;
  /** Whether a line has announced the outage. Its end is then announced too. */
  isAnnounced: boolean;
}

/** Why a message was released, in words. */
const RELEASED = {
  drain: "job released: the worker is stopping",
  unknown_type: "job released: this worker has no handler for its type",
  busy: "job released: another run of it goes on",
  backoff: "job released: the wait before its next attempt is not over",
  scheduled: "job released: it is not due",
  store: "job released: it waits for the job store",
} as const;

/** Why a message was acknowledged without a completed run, in words. */
const NOT_RUN = {
  completed: "job not run: it is completed",
  cancelled: "job not run: it is cancelled",
  dead_lettered: "job not run: it is among the dead letters",
} as const;

/** Logs the events of a worker. Failures that an outage repeats are counted: see {@link ConditionLog}. */
export class WorkerLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #conditions: ConditionLog;
  readonly #outages = new Map<string, Outage>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#conditions = new ConditionLog(logger, clock);
  }

  saw(event: JobEvent | ReceiveEvent): void {
    if ("job" in event) this.#job(event);
    else this.#receive(event);
  }

  /** Logs the error with which a worker that `start` started has ended. */
  failed(error: unknown): void {
    this.#logger.error({ err: error }, "worker failed");
  }

  /** Logs what an idle worker waits for when it stops. `longPollMs` is undefined if it is not known. */
  waitsForPolls(longPollMs: number | undefined): void {
    const most = longPollMs === undefined ? "" : `, ${Math.ceil(longPollMs / 1_000)} s at most`;
    this.#logger.info(
      { longPollMs },
      `no job runs; waiting for the last poll to return${most}: the messages of an abandoned poll would stay leased`,
    );
  }

  /** Logs what was counted and is not logged yet. */
  flush(): void {
    this.#conditions.flush(true);
    this.#outages.clear();
  }

  #job(event: JobEvent): void {
    const logger = this.#logger;
    const { id, type, queue, attempt, maxAttempts }: JobInfo = event.job;
    const job = { id, type, queue, attempt, maxAttempts };
    switch (event.event) {
      case "started":
        return logger.debug({ ...job, waitMs: event.waitMs }, "job started");
      case "progress":
        return logger.debug({ ...job, percent: event.percent, note: event.note }, "job progress");
      case "completed":
        return logger.info({ ...job, durationMs: event.durationMs }, "job completed");
      case "failed":
        // A handler may throw undefined, which a logger leaves out.
        return logger.warn(
          { ...job, durationMs: event.durationMs, err: event.error ?? describeError(event.error) },
          "job failed",
        );
      case "retrying":
        return logger.info({ ...job, delayMs: event.delayMs }, "job will be retried");
      case "dead_lettered":
        return logger.error({ ...job, reason: event.reason, err: event.error }, "job dead-lettered");
      case "not_run":
        return logger.info({ ...job, why: event.why }, NOT_RUN[event.why]);
      case "released":
        return logger.info({ ...job, why: event.why, delayMs: event.delayMs }, RELEASED[event.why]);
      case "stuck":
        return logger.warn(
          { ...job, runningMs: event.runningMs },
          "job is stuck: it ignores its aborted signal",
        );
      case "late":
        return logger.warn(
          { ...job, durationMs: event.durationMs },
          "job ended after its lease was given up; result discarded",
        );
    }
  }

  #receive(event: ReceiveEvent): void {
    const { queue } = event;
    switch (event.event) {
      case "polled":
        return this.#polled(queue);
      case "poll_failed":
        return this.#pollFailed(event);
      case "settle_failed": {
        const { id, operation, kind, error } = event;
        const bindings = { queue, id, operation, kind };
        // A job whose attempts are used up stays in its queue until someone repairs the dead letters.
        if (operation === "dead_letter") {
          const message = "a message could not be moved to the dead letters; the move will be tried again";
          return this.#during(queue, "dead_letter_failed", { level: "error", message, bindings, error });
        }
        return this.#during(queue, "settle_failed", {
          level: "warn",
          message: "settling failed; the message will be delivered again",
          bindings,
          error,
        });
      }
      case "lease_lost":
        return this.#during(queue, "lease_lost", {
          level: "warn",
          message: "lease lost; another worker may run the job",
          bindings: { queue, id: event.id },
        });
      case "skipped":
        return this.#logger.info(
          { queue, id: event.id, target: event.target },
          "message acknowledged without a run; it is a copy for another receiver",
        );
      case "ignored":
        return this.#logger.info(
          { queue, id: event.id },
          "message acknowledged without a run; a decoder ignores it",
        );
      case "warning": {
        const { code, message } = event;
        const bindings = { queue, code };
        // Each of these names another type, and comes once for it.
        if (code === "unknown_type") return this.#logger.warn(bindings, message);
        this.#conditions.occurred(`${queue} ${code}`, { level: "warn", message, bindings });
      }
    }
  }

  #pollFailed({ queue, error, kind, retryInMs }: Extract<ReceiveEvent, { event: "poll_failed" }>): void {
    const isLogged = this.#conditions.occurred(queue, {
      level: "warn",
      message: "receiving failed",
      bindings: { queue, kind, retryInMs },
      error,
    });
    const outage = this.#outages.get(queue);
    if (outage === undefined) {
      this.#outages.set(queue, { since: this.#clock.monotonic(), failures: 1, isAnnounced: isLogged });
    } else {
      outage.failures += 1;
      outage.isAnnounced ||= isLogged;
    }
  }

  #polled(queue: string): void {
    const outage = this.#outages.get(queue);
    if (outage !== undefined) {
      this.#outages.delete(queue);
      const { failures, since, isAnnounced } = outage;
      const outageMs = this.#clock.monotonic() - since;
      if (isAnnounced) this.#conditions.ended(queue);
      // A provider that fails every other poll would fill the log with its returns.
      this.#logger[isAnnounced ? "info" : "debug"]({ queue, failures, outageMs }, "receiving works again");
    }
    this.#conditions.flush();
  }

  /** Logs a condition that may belong to the outage of its queue, and is part of the outage's line then. */
  #during(queue: string, name: string, occurrence: Parameters<ConditionLog["occurred"]>[1]): void {
    const key = this.#outages.has(queue) ? queue : `${queue} ${name}`;
    this.#conditions.occurred(key, occurrence);
  }
}
