import type { JobsEvent } from "../../src/jobs/events/jobs-event.ts";
import { recordOf } from "../../src/jobs/job-record.ts";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import { isFinal } from "../../src/jobs/store/job-row.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { Awaited } from "./awaited.ts";
import type { EventFrames } from "./event-frames.ts";
import { frameOf } from "./sse.ts";

/** The options of {@link followJob}. */
export interface FollowOptions {
  /** Events of the job; `reset` where some are missing. */
  readonly events: AsyncIterable<JobsEvent | "reset">;
  /** Whether the stream begins with the job as it is. */
  readonly isNew: boolean;
  readonly frames: EventFrames;
  readonly clock: Clock;
  /** Milliseconds after which the job is read although no event has come, since it may have been deleted. */
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
}

/**
 * The events of one job, until it is over.
 *
 * @yields events, the job as it is first of all
 */
export async function* followJob(
  jobs: Jobs,
  id: string,
  { events, isNew, frames, clock, heartbeatMs, signal }: FollowOptions,
): AsyncGenerator<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  let next: Awaited<IteratorResult<JobsEvent | "reset">> | undefined;
  // Events up to this version of the job have been shown by a snapshot.
  let shown = 0;
  let latest = 0;
  let isFirst = isNew;
  try {
    while (!signal.aborted) {
      next ??= new Awaited(iterator.next());
      const step = isFirst ? undefined : await next.within(clock, heartbeatMs, signal);
      isFirst = false;
      if (step?.done === true) return;
      if (step === undefined) {
        const job = await jobs.get(id);
        if (job === undefined || signal.aborted) return;
        if (job.version > latest) {
          shown = latest = job.version;
          yield snapshotEvent(job);
        }
        if (isFinal(job.status)) return;
        continue;
      }
      next = undefined;
      if (step.value === "reset") {
        isFirst = true;
        continue;
      }
      const { job, event } = step.value;
      if (job.version <= shown) continue;
      latest = job.version;
      yield frames.of(step.value);
      // A failure for good is two events of one change, of which this is the first.
      if (isFinal(job.status) && event !== "job.failed") return;
    }
  } finally {
    // Not awaited: it ends when `next` has ended, which the signal ends.
    iterator.return?.().catch(() => {});
  }
}

function snapshotEvent(job: JobSnapshot): Uint8Array {
  return frameOf({ event: "job.snapshot", data: { event: "job.snapshot", job: recordOf(job) } });
}
