import { checkKeys, isQueueError, QueueError } from "../../errors.ts";
import { sleep } from "../../lib/clock.ts";
import { FILTER_KEYS, type JobFilter, storedFilter } from "../read/filter.ts";
import { checkId } from "../send/send-options.ts";
import { matches } from "../store/match.ts";
import type { ChangeReader } from "./change-reader.ts";
import type { EventCursors } from "./event-cursor.ts";
import { EventNames } from "./event-names.ts";
import type { JobsEvent } from "./jobs-event.ts";

/** The options of `Jobs.events`. */
export interface EventOptions extends JobFilter {
  /** The only job whose events are meant. @default all jobs that match */
  readonly id?: string | undefined;
  /** `cursor` of the last event that was seen. @default from now on */
  readonly cursor?: string | undefined;
  /** Ends the events. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** Wait after the store could not be reached. */
const DOWN_MS = 2_000;

interface StreamParts {
  readonly reader: ChangeReader;
  readonly cursors: EventCursors;
  readonly warn: (code: string, message: string) => void;
}

/**
 * The events of jobs. The place of the first is fixed by the call, so that an event between the call and the first `next`
 * is not missed.
 */
export function eventStream(
  { reader, cursors, warn }: StreamParts,
  options: EventOptions = {},
): AsyncIterable<JobsEvent> {
  checkKeys("events", options, { ...FILTER_KEYS, id: true, cursor: true, signal: true });
  const { id, signal, cursor: given, search } = options;
  if (id !== undefined) checkId("events", id);
  if (search !== undefined)
    throw new QueueError("not_supported", "events: payloads are not searched. Use list for that.");
  const filter = storedFilter("events", options);
  const from =
    given === undefined ? untilReached(reader, signal, warn) : Promise.resolve(cursors.unwrap(given));
  const names = new EventNames();
  const isAborted = (): boolean => signal?.aborted === true;
  async function* events(): AsyncGenerator<JobsEvent, void, undefined> {
    const close = reader.open();
    try {
      let cursor = await from;
      while (!isAborted() && cursor !== undefined) {
        const page = await reader.next(cursor, signal).catch((error: unknown) => {
          // No try would help: the place is gone.
          if (isQueueError(error, "invalid_options")) throw placeGone(error);
          return undefined;
        });
        if (page === undefined) {
          warn(
            "events",
            "The events of jobs cannot be read at the moment. They follow when the job store is back.",
          );
          await sleep(reader.clock, DOWN_MS, signal);
          continue;
        }
        for (const [index, row] of page.rows.entries()) {
          // Before anything is remembered of it: a thousand followers of a job each would remember all jobs.
          if (id !== undefined && row.id !== id) continue;
          // A reader that goes on from the middle of a page gets the page once more: no event is missed.
          const isLast = index === page.rows.length - 1;
          const place = cursors.wrap(isLast ? page.cursor : cursor);
          const found = names.of(row);
          const now = reader.clock.now();
          if (found.length === 0 || !matches(row, filter, now)) continue;
          const job = reader.snapshot(row);
          for (const { event, willRetry } of found) {
            yield willRetry === undefined
              ? { event, job, cursor: place }
              : { event, job, willRetry, cursor: place };
            if (isAborted()) return;
          }
        }
        cursor = page.cursor;
      }
    } finally {
      close();
    }
  }
  return events();
}

function placeGone(cause: QueueError): QueueError {
  return new QueueError(
    "invalid_options",
    `events: the job store does not know the place of the cursor. ${cause.message} Leave the cursor out, to begin with the next event.`,
    { cause },
  );
}

/** The place of now, as soon as the store is reached; undefined if `signal` aborts before that. */
async function untilReached(
  reader: ChangeReader,
  signal: AbortSignal | undefined,
  warn: StreamParts["warn"],
): Promise<string | undefined> {
  while (signal?.aborted !== true) {
    try {
      return await reader.now();
    } catch {
      warn(
        "events",
        "The events of jobs cannot be read at the moment. They follow when the job store is back.",
      );
      await sleep(reader.clock, DOWN_MS, signal);
    }
  }
  return undefined;
}
