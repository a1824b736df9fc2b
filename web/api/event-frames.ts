import type { JobsEvent } from "../../src/jobs/events/jobs-event.ts";
import { recordOf } from "../../src/jobs/job-record.ts";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import { frameOf } from "./sse.ts";

/** Places for which the bytes of one change are kept. Clients that keep up have one or two. */
const PLACES = 8;

/**
 * The events of jobs as they are streamed. An event is serialised once for all clients: `events` gives its readers one
 * snapshot, by which the bytes are kept for as long as anybody has it. All clients of an instance get the same
 * representation; one with other members, such as a payload that a role may not see, needs an instance of its own.
 */
export class EventFrames {
  readonly #frames = new WeakMap<JobSnapshot, Map<string, Uint8Array>>();

  of({ event, job, willRetry, cursor }: JobsEvent): Uint8Array {
    let frames = this.#frames.get(job);
    if (frames === undefined) this.#frames.set(job, (frames = new Map()));
    // Readers that began at other places have other cursors for one change.
    const key = `${event} ${willRetry} ${cursor}`;
    let frame = frames.get(key);
    if (frame === undefined) {
      const retried = willRetry === undefined ? {} : { will_retry: willRetry };
      frame = frameOf({ event, id: cursor, data: { event, ...retried, job: recordOf(job) } });
      if (frames.size >= PLACES) frames.clear();
      frames.set(key, frame);
    }
    return frame;
  }
}
