import type { BackoffOptions } from "../../backoff.ts";
import type { Headers, NewMessage, TraceContext } from "../../message/message.ts";
import type { Json } from "../json.ts";
import type { EncodedPayload } from "../../message/codec.ts";
import type { NewStoredJob } from "../store/change.ts";
import type { StoredJobMessage } from "../store/job-row.ts";

/** A message whose number of attempts is known. */
export type JobMessage = NewMessage & { readonly maxAttempts: number };

/** The parts of the record of a job. */
export interface Facts {
  readonly queue: string;
  readonly message: JobMessage;
  readonly tags: readonly string[] | undefined;
  /** In epoch milliseconds. */
  readonly createdAt: number;
}

/**
 * The facts of a job for its record. They are a copy: the sender may change its message as soon as the call has returned.
 */
export function storedJob({ queue, message, tags, createdAt }: Facts): NewStoredJob {
  const { type, headers, backoff, orderingKey, trace, maxAttempts, priority, tenant } = message;
  return {
    type,
    queue,
    priority,
    maxAttempts,
    createdAt,
    tenant,
    tags: tags === undefined ? undefined : [...tags],
    traceId: trace === undefined ? undefined : traceIdOf(trace),
    message: {
      payload: copied<Json>(message.payload as Json),
      headers: headers === undefined ? undefined : copied<Headers>(headers),
      backoff: backoff === undefined ? undefined : copied<BackoffOptions>(backoff),
      orderingKey,
      trace: trace === undefined ? undefined : copied<TraceContext>(trace),
    },
  };
}

/**
 * The message of a record, as it travels. `encoded` is its payload as the codec has encoded it; undefined if the codec has
 * left it in clear.
 */
export function asEncoded(
  message: StoredJobMessage | undefined,
  encoded: EncodedPayload | undefined,
): StoredJobMessage | undefined {
  if (message === undefined || encoded === undefined) return message;
  return { ...message, payload: encoded.payload as Json, encoding: encoded.encoding };
}

/** The second field of a `traceparent`: https://www.w3.org/TR/trace-context/#traceparent-header (2021-11) */
function traceIdOf({ traceparent }: TraceContext): string | undefined {
  const [, traceId] = traceparent.split("-");
  return traceId !== undefined && /^[\da-f]{32}$/.test(traceId) ? traceId : undefined;
}

function copied<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
