import { type Logger as Pino, pino, stdTimeFunctions } from "pino";
import type { JobInfo, ReceiveEvent } from "../../src/diagnostics.ts";
import type { Worker } from "../../src/worker/worker.ts";
import type { LogLevel } from "../lib/options.ts";
import { colorsFor } from "../lib/output.ts";

/** The log settings of a worker process. */
export interface LoggingOptions {
  /** @default "info" */
  readonly level?: LogLevel | undefined;
  /** Logs lines for people rather than for a collector. @default true on a terminal */
  readonly pretty?: boolean | undefined;
}

/** A logger to stdout, with one JSON object per line. It is synchronous so that the last line before an exit is kept. */
export async function createLogger({
  level = "info",
  pretty = process.stdout.isTTY,
}: LoggingOptions): Promise<Pino> {
  if (!pretty) {
    const options = { level, timestamp: stdTimeFunctions.isoTime, base: { pid: process.pid } };
    return pino(options, pino.destination({ dest: 1, sync: true }));
  }
  const { PinoPretty } = await import("pino-pretty");
  const stream = PinoPretty({
    sync: true,
    colorize: colorsFor(process.stdout).isColorSupported,
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return pino({ level }, stream);
}

/** Logs the events of a worker: normal progress as debug, retries as info, failures as warn, dead letters as error. */
export function logEvents(worker: Worker, logger: Pino): void {
  worker.on("started", ({ job, waitMs }) => logger.debug({ ...bindings(job), waitMs }, "job started"));
  worker.on("progress", ({ job, percent, note }) =>
    logger.debug({ ...bindings(job), percent, note }, "job progress"),
  );
  worker.on("completed", ({ job, durationMs }) =>
    logger.debug({ ...bindings(job), durationMs }, "job completed"),
  );
  worker.on("failed", ({ job, durationMs, error }) =>
    logger.warn({ ...bindings(job), durationMs, err: error }, "job failed"),
  );
  worker.on("retrying", ({ job, delayMs }) =>
    logger.info({ ...bindings(job), delayMs }, "job will be retried"),
  );
  worker.on("dead_lettered", ({ job, reason, error }) =>
    logger.error({ ...bindings(job), reason, err: error }, "job dead-lettered"),
  );
  worker.on("released", ({ job, why, delayMs }) => {
    const level = why === "unknown_type" ? "warn" : "info";
    logger[level]({ ...bindings(job), why, delayMs }, "job released");
  });
  worker.on("stuck", ({ job, runningMs }) =>
    logger.warn({ ...bindings(job), runningMs }, "job is stuck: it ignores its aborted signal"),
  );
  worker.on("late", ({ job, durationMs }) =>
    logger.warn({ ...bindings(job), durationMs }, "job ended after its lease was given up; result discarded"),
  );
  worker.on("poll_failed", ({ queue, error, kind, retryInMs }) =>
    logger.warn({ queue, kind, retryInMs, err: error }, "receiving failed"),
  );
  worker.on("settle_failed", ({ queue, id, operation, kind, error }) =>
    logger.warn(
      { queue, id, operation, kind, err: error },
      "settling failed; the message will be delivered again",
    ),
  );
  worker.on("lease_lost", ({ queue, id }) =>
    logger.warn({ queue, id }, "lease lost; another worker may run the job"),
  );
  worker.on("skipped", ({ queue, id, target }) =>
    logger.info(
      { queue, id, target },
      "message acknowledged without a run; it is a copy for another receiver",
    ),
  );
  worker.on("warning", ({ queue, code, message }: Extract<ReceiveEvent, { event: "warning" }>) =>
    logger.warn({ queue, code }, message),
  );
}

function bindings({ id, type, queue, attempt, maxAttempts }: JobInfo): object {
  return { id, type, queue, attempt, maxAttempts };
}
