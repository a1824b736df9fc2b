import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import { show } from "../lib/text.ts";

/**
 * The sentence for an event that reports a failure, in one line; undefined for all other events. For applications that look
 * at no events: the first failure must not be silent.
 */
export function failureSentence(event: JobEvent | ReceiveEvent): string | undefined {
  return sentenceOf(event)?.replaceAll(/\s+/g, " ");
}

function sentenceOf(event: JobEvent | ReceiveEvent): string | undefined {
  switch (event.event) {
    case "failed":
      return `The job ${show(event.job.type)} ${event.job.id} of queue "${event.job.queue}" failed: ${errorText(event.error)}.`;
    case "dead_lettered":
      return `The job ${show(event.job.type)} ${event.job.id} of queue "${event.job.queue}" was dead-lettered as ${event.reason}: ${errorText(event.error)}.`;
    case "poll_failed":
      return `Receiving from queue "${event.queue}" failed: ${errorText(event.error)}.`;
    case "settle_failed":
      return `A message of queue "${event.queue}" could not be settled: ${errorText(event.error)}.`;
    case "lease_lost":
      return `The lease on a message of queue "${event.queue}" was lost; another worker may run its job.`;
    case "warning":
      return event.message;
    default:
      return undefined;
  }
}

function errorText(error: unknown): string {
  return describeError(error).replace(/\.$/, "");
}
