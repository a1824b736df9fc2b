import { sha256 } from "../../lib/hash.ts";
import { asText } from "../../lib/text.ts";
import { CompleteMessage } from "../../message/complete-message.ts";
import type { Message } from "../../message/message.ts";
import type { TrackedRun } from "../../queue/tracker.ts";
import type { Json } from "../json.ts";
import { payloadHash } from "../payload-hash.ts";
import type { NewStoredJob } from "../store/change.ts";
import type { StoredJobMessage } from "../store/job-row.ts";

/**
 * The stamp of a message that states when it was created. Another message with the same id has another stamp, unless both
 * were created in the same millisecond.
 */
export function stampOf(createdAt: Date): string {
  return String(createdAt.getTime());
}

/** The stamp of a message that was received. If it does not state its creation, its payload distinguishes it. */
export function stampOfRun({ message, statesCreation, jobFlags }: TrackedRun): string {
  const stated = statedStamp(jobFlags);
  if (stated !== undefined) return stated;
  return statesCreation ? stampOf(message.createdAt) : payloadStamp(message);
}

/** The stamps that a message may have of which it is not known whether it states its creation. */
export function stampsOf(message: Message, jobFlags: string | undefined): readonly string[] {
  const stated = statedStamp(jobFlags);
  return stated === undefined ? [stampOf(message.createdAt), payloadStamp(message)] : [stated];
}

/** Stated next to the body by the job system itself, since an encoder may leave the time out of the body. */
function statedStamp(jobFlags: string | undefined): string | undefined {
  if (jobFlags === undefined) return undefined;
  const [, stated] = /(?:^| )t=(\d+)(?: |$)/.exec(jobFlags) ?? [];
  return stated;
}

function payloadStamp({ payload }: Message): string {
  return sha256(textOf(payload)).toString("hex").slice(0, 32);
}

/** A decoder may return a payload that is no JSON. */
function textOf(payload: unknown): string {
  try {
    return JSON.stringify(payload) ?? "";
  } catch {
    return asText(payload);
  }
}

/** The value of `qp_job` of a message that is sent from the record of its job: it is tracked, whatever its type says. */
export function recordedJobFlags(createdAt: number): string {
  return `full t=${createdAt}`;
}

/** The facts of the job of a message that was received. */
export function seedOf(run: TrackedRun, stamp: string): NewStoredJob {
  const { message, queue } = run;
  const { type, maxAttempts, createdAt, scheduledAt, priority, tenant, trace } = message;
  return {
    type,
    queue,
    maxAttempts,
    createdAt: createdAt.getTime(),
    scheduledAt: scheduledAt?.getTime(),
    stamp,
    hash: hashOfRun(run),
    priority,
    tenant,
    traceId: trace === undefined ? undefined : traceIdOf(trace.traceparent),
    message: storedMessageOf(message),
  };
}

/**
 * The hash of the payload, by which a sender of another message with this id is refused. The hash of a message that was sent
 * from its record may be that of a whole request, and is not known here.
 */
function hashOfRun({ message, jobFlags }: TrackedRun): string | undefined {
  const isEncoded = message instanceof CompleteMessage && message.encoding !== undefined;
  if (isEncoded || statedStamp(jobFlags) !== undefined) return undefined;
  try {
    return payloadHash((message.payload ?? null) as Json);
  } catch {
    // A decoder may return a payload that is no JSON.
    return undefined;
  }
}

/** The message as it can be sent again. A payload that a codec has encoded stays encoded. */
function storedMessageOf(message: Message): StoredJobMessage {
  const encoding = message instanceof CompleteMessage ? message.encoding : undefined;
  const { payload, headers, backoff, orderingKey, trace } = message;
  return { payload: payload as Json, encoding, headers, backoff, orderingKey, trace };
}

/** The trace id of a `traceparent`: https://www.w3.org/TR/trace-context/#traceparent-header (2021-11) */
export function traceIdOf(traceparent: string): string | undefined {
  const [, id] = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent) ?? [];
  return id;
}
