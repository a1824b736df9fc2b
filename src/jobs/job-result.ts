import { checkKeys, QueueError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import type { ResultOptions } from "./job-handle.ts";
import type { Json } from "./json.ts";
import type { JobWatch } from "./read/job-watch.ts";
import type { StoredJob } from "./store/job-row.ts";

/** Waits for the end of a job, and resolves with its result. */
export function resultOf(
  watch: JobWatch,
  clock: Clock,
  id: string,
  options: ResultOptions = {},
): Promise<Json | undefined> {
  checkKeys("result", options, { timeoutMs: true, signal: true });
  const { signal } = options;
  const ms = options.timeoutMs === undefined ? undefined : durationMs(options.timeoutMs);
  if (ms !== undefined && !(ms >= 0))
    throw new QueueError(
      "invalid_options",
      `result: timeoutMs is a duration, 0 milliseconds or more; got ${show(options.timeoutMs)}.`,
    );
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    let last: StoredJob | undefined;
    const end = (settle: () => void): void => {
      unwatch();
      timer?.cancel();
      signal?.removeEventListener("abort", abort);
      settle();
    };
    const abort = (): void => end(() => reject(signal?.reason as Error));
    const look = (job: StoredJob | undefined): void => {
      last = job ?? last;
      if (job === undefined) return;
      const { status } = job.row;
      if (status === "completed") end(() => settleCompleted(id, job, resolve, reject));
      else if (status === "failed" || status === "cancelled" || status === "lost")
        end(() => reject(failure(id, job)));
    };
    const unwatch = watch.watch(id, look);
    const timer =
      ms === undefined ? undefined : clock.timer(ms, () => end(() => reject(tooLate(id, ms, last))), true);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function settleCompleted(
  id: string,
  { row, result }: StoredJob,
  resolve: (result: Json | undefined) => void,
  reject: (error: Error) => void,
): void {
  if (row.resultOmitted !== undefined) {
    const why = row.resultOmitted === "too_large" ? "is too large to be kept" : "is not JSON";
    reject(
      new QueueError(
        "too_large",
        `Job ${id} completed; its result ${why}. Store the data elsewhere, and return a reference to it.`,
      ),
    );
  } else if (result === undefined && !row.hasMessage) {
    reject(new QueueError("not_found", `Job ${id} completed; its result is no longer kept.`));
  } else resolve(result);
}

function failure(id: string, { row }: StoredJob): QueueError {
  const { status, error, cancelReason, queue } = row;
  if (status === "cancelled") {
    const why = cancelReason === undefined ? "" : `: ${cancelReason}`;
    return new QueueError("cancelled", `Job ${id} was cancelled${why}.`, { queue });
  }
  const cause = error === undefined ? undefined : Object.assign(new Error(error.message), error);
  const what =
    status === "lost"
      ? "left its queue without an end that was recorded"
      : `failed: ${error?.message ?? row.deadLetterReason ?? "for an unknown reason"}`;
  return new QueueError("job_failed", `Job ${id} ${what}.`, { queue, cause });
}

function tooLate(id: string, ms: number, last: StoredJob | undefined): QueueError {
  return last === undefined
    ? new QueueError(
        "untracked",
        `After ${ms} ms there is no record of job ${id}. It may run all the same: it is recorded when a worker that tracks its type claims it.`,
        { retryable: true },
      )
    : new QueueError(
        "timeout",
        `After ${ms} ms, job ${id} is ${last.row.status}. Wait for it again, or cancel it.`,
        {
          queue: last.row.queue,
          retryable: true,
        },
      );
}
