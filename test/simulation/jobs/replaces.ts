import type { Delivery, Outgoing } from "../../../src/driver/index.ts";
import { requeueId, type RequeuePurpose } from "../../../src/message/requeue.ts";
import type { QueueNames } from "../world.ts";
import type { JobHeld } from "./tracked-job.ts";

/** Whether `outgoing`, which was sent to `queue`, replaces the message that was delivered. */
export function replaces(
  { main, delayQueue, deadLetters }: QueueNames,
  queue: string,
  { dedupId }: Outgoing,
  { id, copy }: JobHeld,
): boolean {
  const delivery = { brokerId: copy.brokerId } as Delivery;
  const isPurpose = (purposes: readonly RequeuePurpose[], name = id): boolean =>
    purposes.some((purpose) => requeueId(name, purpose, delivery) === dedupId);
  if (copy.queue === delayQueue) return isPurpose([queue === main ? "due" : "park"], copy.brokerId);
  if (copy.queue === deadLetters) return isPurpose(["redrive"]) || dedupId === movedId(copy.brokerId);
  return isPurpose(queue === deadLetters ? ["dead_letter"] : ["retry", "defer"]);
}

/** The id under which a console sends a dead letter back. */
export function movedId(brokerId: string): string {
  return `moved-${brokerId}`;
}
