import { type Clock, type DriverStats, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { ADMIN_TIMEOUT_MS, type Description } from "./descriptions.ts";
import { driverError } from "./errors.ts";
import { deadLetterName, type Entity } from "./names.ts";

export function traitsOf(entity: Entity, description: Description, nativeDelayMs: number): QueueTraits {
  const { sessions, dedupWindowMs, lockMs, maxDeliveryCount, maxMessageBytes } = description;
  // A dead-letter sub-queue has no sessions, also if its queue has.
  const isOrdered = sessions && !entity.isDeadLetters;
  return {
    ordering: isOrdered ? "by_key" : "none",
    orderingKeyRequired: isOrdered,
    dedupWindowMs: entity.isDeadLetters ? 0 : dedupWindowMs,
    deadLetter: "native",
    deadLetterQueue: deadLetterName(entity),
    delayQueue: siblingQueue(entity.queue, "-delay"),
    maxMessageBytes,
    nativeDelayMs,
    brokerMaxDeliveries: entity.isDeadLetters ? undefined : maxDeliveryCount,
    fixedLeaseMs: lockMs,
    countsDeliveries: true,
  };
}

/**
 * The counts of a queue, or no counts if the administration interface cannot be used. Service Bus counts ready and locked
 * messages together, as "active" messages.
 * @throws DriverError `not_found` or `throttled`
 */
export async function readStats(clients: Clients, entity: Entity, clock: Clock): Promise<DriverStats> {
  const unknown = { approximate: true, asOf: clock.now() };
  const { admin } = clients;
  if (admin === undefined) return unknown;
  try {
    const counts = await admin.getQueueRuntimeProperties(entity.name, {
      requestOptions: { timeout: ADMIN_TIMEOUT_MS },
    });
    const { activeMessageCount, scheduledMessageCount, deadLetterMessageCount } = counts;
    const exact = { approximate: false, asOf: clock.now() };
    if (entity.isDeadLetters) return { backlog: deadLetterMessageCount, delayed: 0, ...exact };
    return {
      backlog: activeMessageCount,
      delayed: scheduledMessageCount,
      deadLettered: deadLetterMessageCount,
      ...exact,
    };
  } catch (error) {
    const failure = driverError(error, `Reading the counts of ${entity.name}`, "Manage");
    if (failure.kind === "not_found" || failure.kind === "throttled") throw failure;
    return unknown;
  }
}
