import { defaults } from "../defaults.ts";
import { checkKeys, type KnownKeys, QueueError } from "../errors.ts";
import { optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import type { TimeLimits } from "./execution.ts";
import { missingMethods } from "./guarded-logger.ts";
import type { WorkerOptions } from "./types.ts";

/** The options of a worker with their defaults, without those that are passed on to the receiver. */
export interface WorkerSettings {
  readonly concurrency: number;
  readonly limits: TimeLimits;
  readonly unknownTypeMaxAgeMs: number;
}

const OPTIONS: KnownKeys<WorkerOptions> = {
  concurrency: true,
  timeoutMs: true,
  graceMs: true,
  hardLimitMs: true,
  leaseMs: true,
  extendEveryMs: true,
  drainMs: true,
  backoff: true,
  unknownTypeMaxAgeMs: true,
  allowUncounted: true,
  logger: true,
};

/**
 * Checks the options of a worker, and fills in its defaults.
 * @throws QueueError `invalid_options` for an unknown option, a wrong time limit, and a logger that lacks a method
 */
export function readWorkerOptions(options: WorkerOptions): WorkerSettings {
  checkKeys("Worker", options, OPTIONS);
  const { concurrency = defaults.concurrency, logger } = options;
  const limits = {
    timeoutMs: spanOf(options, "timeoutMs"),
    graceMs: spanOf(options, "graceMs"),
    hardLimitMs: spanOf(options, "hardLimitMs"),
  };
  const unknownTypeMaxAgeMs = spanOf(options, "unknownTypeMaxAgeMs");
  const missing = logger === undefined ? [] : missingMethods(logger);
  if (missing.length > 0) {
    throw new QueueError(
      "invalid_options",
      `Worker: logger must have the methods debug, info, warn and error; it lacks ${missing.join(", ")}. pino and console have them.`,
    );
  }
  return { concurrency, limits, unknownTypeMaxAgeMs };
}

type Span = "timeoutMs" | "graceMs" | "hardLimitMs" | "unknownTypeMaxAgeMs";

function spanOf(options: WorkerOptions, name: Span): number {
  const ms = optionalMs(options[name]) ?? defaults[name];
  if (ms >= 0) return ms;
  throw new QueueError(
    "invalid_options",
    `Worker: ${name} must be a duration, 0 or more milliseconds; got ${show(options[name])}.`,
  );
}
