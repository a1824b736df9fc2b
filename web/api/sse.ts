import type { Clock } from "../../src/lib/clock.ts";
import { Awaited } from "./awaited.ts";
import { Problem, problemOf } from "./problem.ts";

/** One event of a stream. */
export interface StreamEvent {
  readonly event: string;
  /** The place from which a client can resume; undefined if it cannot resume here. */
  readonly id?: string | undefined;
  readonly data: unknown;
}

/** The options of {@link eventStream}. */
export interface EventStreamOptions {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Called once, when the stream has ended. */
  readonly onEnd: () => void;
  /** Called with an error of the source. The client gets a problem as the last event. */
  readonly onError: (error: unknown) => void;
}

const encoder = new TextEncoder();
/** Milliseconds after which a browser connects again. */
const RETRY_MS = 2_000;

/**
 * Streams events, as {@link frameOf} writes them, as `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event is taken
 * from the source only when the client has read those before. A comment is sent each `heartbeatMs`, so that proxies keep the
 * connection, and so that it is noticed when a client has gone. Ends when the source ends or the client goes.
 */
export function eventStream(
  source: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  { clock, heartbeatMs, signal, onEnd, onError }: EventStreamOptions,
): Response {
  const gone = new AbortController();
  const iterator = source(gone.signal)[Symbol.asyncIterator]();
  let pending: Awaited<IteratorResult<Uint8Array>> | undefined;
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    signal.removeEventListener("abort", end);
    gone.abort();
    onEnd();
  };
  // At once, since a client that has gone asks for no more of the body.
  signal.addEventListener("abort", end, { once: true });
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
    },
    async pull(controller) {
      try {
        pending ??= new Awaited(iterator.next());
        const next = await pending.within(clock, heartbeatMs, gone.signal);
        if (next === undefined && !gone.signal.aborted) {
          controller.enqueue(encoder.encode(": still here\n\n"));
          return;
        }
        pending = undefined;
        if (next !== undefined && next.done !== true) {
          controller.enqueue(next.value);
          return;
        }
      } catch (error) {
        if (!gone.signal.aborted) {
          const problem = problemOf(error);
          if (!(error instanceof Problem)) onError(error);
          controller.enqueue(frameOf({ event: "problem", data: problem }));
        }
      }
      end();
      controller.close();
    },
    cancel: end,
  });
  if (signal.aborted) end();
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      // Asks nginx not to collect events.
      "x-accel-buffering": "no",
    },
  });
}

/** An event as bytes of `text/event-stream`. */
export function frameOf({ event, id, data }: StreamEvent): Uint8Array {
  const place = id === undefined ? "" : `id: ${oneLine(id)}\n`;
  return encoder.encode(`${place}event: ${oneLine(event)}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** A line break would begin another field. */
function oneLine(value: string): string {
  return value.replaceAll(/[\r\n\0]/g, "");
}
