import type { NewMessage, TraceContext } from "../../message/message.ts";
import type { Json } from "../json.ts";
import type { EncodedPayload } from "../../message/codec.ts";
import type { NewStoredJob } from "../store/change.ts";
import type { StoredJobMessage } from "../store/job-row.ts";

/** A message whose number of attempts is known. */
export type JobMessage = NewMessage & { readonly maxAttempts: number };

/** The parts of a message that its record keeps. */
type MessageParts = { readonly [Name in keyof Omit<StoredJobMessage, "encoding">]: unknown };

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
export function storedJob(facts: Facts): NewStoredJob {
  return plain(jobWithText(facts));
}

/** The same, with the message as JSON: it is a copy, and a store that applies changes at once keeps it as it is. */
export function jobWithText({ queue, message, tags, createdAt }: Facts): NewStoredJob {
  const { type, payload, headers, backoff, orderingKey, trace, maxAttempts, priority, tenant } = message;
  return {
    type,
    queue,
    priority,
    maxAttempts,
    createdAt,
    tenant,
    tags: tags === undefined ? undefined : [...tags],
    traceId: trace === undefined ? undefined : traceIdOf(trace),
    message: undefined,
    // A payload that is undefined is refused by the queue.
    messageText:
      payload === undefined
        ? undefined
        : JSON.stringify({ payload, headers, backoff, orderingKey, trace } satisfies MessageParts),
  };
}

/** The facts of a job with its message as a value, as every store takes it. */
export function plain(job: NewStoredJob): NewStoredJob {
  const { messageText } = job;
  if (messageText === undefined) return job;
  return { ...job, message: JSON.parse(messageText) as StoredJobMessage, messageText: undefined };
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
