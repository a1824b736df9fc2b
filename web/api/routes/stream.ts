import { z } from "zod";
import { isQueueError } from "../../../src/errors.ts";
import type { EventOptions } from "../../../src/jobs/events/event-stream.ts";
import type { JobsEvent } from "../../../src/jobs/events/jobs-event.ts";
import { isFinal } from "../../../src/jobs/store/job-row.ts";
import { EventFrames } from "../event-frames.ts";
import { text } from "../fields.ts";
import { filterFields, filterOf } from "../filter.ts";
import { findJob, jobPath } from "../find-job.ts";
import { followJob } from "../follow-job.ts";
import type { ApiSettings } from "../options.ts";
import { Problem } from "../problem.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { eventStream, frameOf } from "../sse.ts";

const cursorField = text("The id of the last event that was seen, as Last-Event-ID has it.").optional();
const resume = {
  name: "Last-Event-ID",
  description: "The id of the last event that was seen. Browsers send it when they connect again.",
};
// Payloads are not read for an event.
const { q: _payload, ...eventFields } = filterFields;
const streamAnswers = {
  200: {
    description:
      "Server-sent events. The data of each is JSON: `event`, `job` (a record), and `will_retry` of a job that failed.",
    mediaType: "text/event-stream",
  },
};

/** The routes that stream events. */
export function streamRoutes({ maxStreams }: ApiSettings): AnyRoute[] {
  const limit = new StreamLimit(maxStreams);
  const frames = new EventFrames();
  return [
    route({
      method: "get",
      path: "/jobs/{id}/events",
      role: "viewer",
      operation: "followJob",
      tag: "Events",
      summary: "Follow a job",
      description:
        "The first event, `job.snapshot`, has the job as it is. The stream ends when the job is over. A browser that then connects again gets 204, and stops.",
      params: jobPath,
      query: z.strictObject({ cursor: cursorField }),
      headers: [resume],
      answers: { ...streamAnswers, 204: { description: "The job was over when the stream before ended." } },
      async handle(call) {
        const { jobs, caller, path, query } = call;
        const { status } = await findJob(jobs, caller, path.id);
        const isResumed = query.cursor !== undefined || call.request.headers.has("last-event-id");
        if (isResumed && isFinal(status)) return { status: 204 };
        return limit.open(call, (signal) => {
          const { events: all, isReset } = eventsFrom(call, query.cursor, { id: path.id, signal });
          return followJob(jobs, path.id, {
            ...call.settings,
            events: all,
            isNew: !isResumed || isReset,
            frames,
            signal,
          });
        });
      },
    }),
    route({
      method: "get",
      path: "/events",
      role: "viewer",
      operation: "followJobs",
      tag: "Events",
      summary: "Follow all jobs that a filter selects",
      description:
        "Events from now on, or from the cursor on. Changes of one job that follow each other quickly may be one event.",
      query: z.strictObject({ ...eventFields, cursor: cursorField }),
      headers: [resume],
      answers: streamAnswers,
      async handle(call) {
        const { cursor, ...filter } = call.query;
        const selected = filterOf(filter, call.caller);
        return limit.open(call, (signal) => {
          const { events: all, isReset } = eventsFrom(call, cursor, { ...selected, signal });
          return allStreamed(all, isReset, frames);
        });
      },
    }),
  ];
}

interface Resumed {
  /** `reset` where events are missing. */
  readonly events: AsyncIterable<JobsEvent | "reset">;
  /** Whether the place of `Last-Event-ID` is gone, so that the events begin with the next one. */
  readonly isReset: boolean;
}

/**
 * The events from a cursor on. A browser sends the last id once more after a restart of the server, and gives up when it is
 * refused. So a place in `Last-Event-ID` that is gone begins a new stream.
 */
function eventsFrom(
  { jobs, request }: Call<unknown, unknown, unknown>,
  cursor: string | undefined,
  options: EventOptions,
): Resumed {
  // The header is later than the URL, which a browser repeats as it is.
  const last = request.headers.get("last-event-id");
  if (last === null) return { events: jobs.events({ ...options, cursor }), isReset: false };
  try {
    return {
      events: orAnew(jobs.events({ ...options, cursor: last }), () => jobs.events(options)),
      isReset: false,
    };
  } catch (error) {
    if (!isQueueError(error, "invalid_options")) throw error;
    return { events: jobs.events(options), isReset: true };
  }
}

/** @yields all events, with a sign where some are missing */
async function* allStreamed(
  events: AsyncIterable<JobsEvent | "reset">,
  isReset: boolean,
  frames: EventFrames,
): AsyncGenerator<Uint8Array> {
  if (isReset) yield RESET_FRAME;
  for await (const event of events) yield event === "reset" ? RESET_FRAME : frames.of(event);
}

/** @yields the events, and those of a new stream after a sign if the store does not know their place any more */
async function* orAnew(
  events: AsyncIterable<JobsEvent>,
  anew: () => AsyncIterable<JobsEvent>,
): AsyncGenerator<JobsEvent | "reset"> {
  try {
    yield* events;
    return;
  } catch (error) {
    if (!isQueueError(error, "invalid_options")) throw error;
  }
  yield "reset";
  yield* anew();
}

const RESET =
  "The place of Last-Event-ID is gone, as the server was restarted. Events in between are missing: read the jobs that you show.";
const RESET_FRAME = frameOf({ event: "stream.reset", data: { event: "stream.reset", detail: RESET } });

/** Counts the open streams, each of which holds a connection and a part of the memory. */
class StreamLimit {
  readonly #most: number;
  #open = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws Problem `too_many_streams` */
  open(
    { settings, request, signal }: Call<unknown, unknown, unknown>,
    source: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  ): Response {
    if (this.#open >= this.#most)
      throw new Problem(
        503,
        "too_many_streams",
        `This server streams events to at most ${this.#most} clients. Try again later, or read the jobs instead.`,
        { headers: { "retry-after": "5" } },
      );
    const response = eventStream(source, {
      clock: settings.clock,
      heartbeatMs: settings.heartbeatMs,
      signal,
      onEnd: () => {
        this.#open -= 1;
      },
      onError: (error) => settings.onError(error, request),
    });
    this.#open += 1;
    return response;
  }
}
