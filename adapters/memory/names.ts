import { checkName, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import type { Profile } from "./emulated-providers.ts";

/** The suffix under which a queue's own dead letters are read, on a provider with native dead letters. */
const SUB_QUEUE = "/$DeadLetterQueue";

/** The name under which the dead letters of a queue are read. */
export function deadLetterName(queue: string, profile: Profile): string {
  if (profile.deadLetter === "copy") return siblingQueue(queue, "-dlq");
  return isSubQueue(queue) ? queue : `${queue}${SUB_QUEUE}`;
}

export function isSubQueue(queue: string): boolean {
  return queue.endsWith(SUB_QUEUE);
}

/** @throws DriverError `permanent` if the emulated provider does not take the name */
export function checkQueueName(queue: string, { queueName, deadLetter }: Profile): void {
  if (queueName === undefined) return;
  const isSub = deadLetter === "native" && isSubQueue(queue);
  checkName(isSub ? queue.slice(0, -SUB_QUEUE.length) : queue, queueName.pattern, queueName.rule);
}

/** The ordering that a name implies. Undefined if names imply none. */
export function impliedOrdering(queue: string, profile: Profile): QueueTraits["ordering"] | undefined {
  if (profile.orderedEnding === undefined) return undefined;
  return queue.endsWith(profile.orderedEnding) ? "by_key" : "none";
}

/** The handle by which a delayed message is cancelled. A broker id has no colon; the name of a queue may have one. */
export function handleOf(queue: string, brokerId: string): string {
  return `${brokerId}:${queue}`;
}

/** Undefined if the text is not a handle. */
export function parseHandle(
  handle: string,
): { readonly queue: string; readonly brokerId: string } | undefined {
  const colon = handle.indexOf(":");
  return colon === -1 ? undefined : { brokerId: handle.slice(0, colon), queue: handle.slice(colon + 1) };
}
