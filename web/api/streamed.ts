import type { JobsEvent } from "../../src/jobs/events/jobs-event.ts";
import { recordOf } from "../../src/jobs/job-record.ts";
import type { StreamEvent } from "./sse.ts";

/** An event as it is streamed. */
export function streamed({ event, job, willRetry, cursor }: JobsEvent): StreamEvent {
  const retried = willRetry === undefined ? {} : { will_retry: willRetry };
  return { event, id: cursor, data: { event, ...retried, job: recordOf(job) } };
}
