import { checkKeys, QueueError } from "../../errors.ts";
import { type Duration, durationMs } from "../../lib/duration.ts";
import { show } from "../../lib/text.ts";
import type { Archive, Retention } from "../jobs-options.ts";
import { MIN_KEPT_MS, type PrunePolicy } from "../store/job-store.ts";
import type { Keeping } from "./prune.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The default of each part of a retention, in milliseconds, and the number of jobs. */
const DEFAULTS: PrunePolicy = {
  completedMs: 7 * DAY_MS,
  failedMs: 30 * DAY_MS,
  cancelledMs: 7 * DAY_MS,
  dataMs: DAY_MS,
  maxFinished: 1_000_000,
};

/**
 * Checks how long records are kept, and where they go.
 * @throws QueueError `invalid_options`
 */
export function keepingOf(retention: Retention | undefined, archive: Archive | undefined): Keeping {
  if (archive !== undefined && typeof archive !== "function")
    throw new QueueError(
      "invalid_options",
      `createJobs: archive is a function, such as ndjsonGz("archive"); got ${show(archive)}.`,
    );
  return {
    policy: policyOf(retention, archive !== undefined),
    archive,
    everyMs: timeMs("every", retention?.every, MINUTE_MS, 1_000),
  };
}

/**
 * Checks a retention, and fills in its defaults.
 * @throws QueueError `invalid_options`
 */
function policyOf(retention: Retention = {}, isArchived: boolean): PrunePolicy {
  const { completed, failed, cancelled, data, maxJobs = DEFAULTS.maxFinished } = retention;
  checkKeys("createJobs: retention", retention, {
    completed: true,
    failed: true,
    cancelled: true,
    data: true,
    maxJobs: true,
    every: true,
  });
  if (!(Number.isSafeInteger(maxJobs) && maxJobs >= 0))
    throw new QueueError(
      "invalid_options",
      `createJobs: retention.maxJobs is a whole number, 0 or more; got ${show(maxJobs)}.`,
    );
  const completedMs = keptMs("completed", completed, DEFAULTS.completedMs);
  return {
    completedMs,
    failedMs: keptMs("failed", failed, DEFAULTS.failedMs),
    cancelledMs: keptMs("cancelled", cancelled, DEFAULTS.cancelledMs),
    // An archive gets payloads and results as well, unless somebody has asked for less.
    dataMs: timeMs("data", data, isArchived ? completedMs : DEFAULTS.dataMs, 0),
    maxFinished: maxJobs,
  };
}

/** A record is kept for an hour at least: one that is gone cannot refuse a late duplicate. */
function keptMs(name: string, given: Duration | undefined, normal: number): number {
  return timeMs(name, given, normal, MIN_KEPT_MS);
}

const BOUNDS: Readonly<Record<number, string>> = {
  [MIN_KEPT_MS]: "1 hour or more, so that a late duplicate is found",
};

function timeMs(name: string, given: Duration | undefined, normal: number, least: number): number {
  const ms = given === undefined ? normal : durationMs(given);
  if (ms >= least) return ms;
  const bound = BOUNDS[least] ?? `${least} milliseconds or more`;
  throw new QueueError(
    "invalid_options",
    `createJobs: retention.${name} is a duration, ${bound}; got ${show(given)}.`,
  );
}
