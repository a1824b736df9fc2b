import { DriverError, type QueueSpec, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import type { Profile } from "./personalities.ts";

/** Where the cloud that has them reads a queue's own dead letters. */
const SUB_QUEUE = "/$DeadLetterQueue";

/** What a queue is created with. */
export interface Creation {
  readonly ordering: QueueTraits["ordering"];
  readonly brokerMaxDeliveries?: number | undefined;
  readonly fixedLeaseMs?: number | undefined;
  /** Whether deliveries are counted where the provider can. */
  readonly counted: boolean;
}

/** The name under which the dead letters of a queue are read. */
export function deadLetterName(queue: string, profile: Profile): string {
  if (profile.deadLetter === "copy") return siblingQueue(queue, "-dlq");
  return isSubQueue(queue) ? queue : `${queue}${SUB_QUEUE}`;
}

export function isSubQueue(queue: string): boolean {
  return queue.endsWith(SUB_QUEUE);
}

/** The order that a name stands for by itself, where a provider has such names. */
export function impliedOrdering(queue: string, profile: Profile): QueueTraits["ordering"] | undefined {
  if (profile.orderedEnding === undefined) return undefined;
  return queue.endsWith(profile.orderedEnding) ? "by_key" : "none";
}

export function traitsOf(queue: string, creation: Creation, profile: Profile): QueueTraits {
  const { ordering, brokerMaxDeliveries, fixedLeaseMs = profile.fixedLeaseMs, counted } = creation;
  const isOrdered = ordering === "by_key";
  return {
    ordering,
    orderingKeyRequired: isOrdered && profile.orderingKeyRequired,
    dedupWindowMs: profile.dedupWindowMs[ordering],
    deadLetter: profile.deadLetter,
    deadLetterQueue: deadLetterName(queue, profile),
    delayQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: isOrdered ? profile.orderedNativeDelayMs : profile.limits.nativeDelayMs,
    brokerMaxDeliveries,
    fixedLeaseMs,
    countsDeliveries: counted && (profile.countsWithoutLimit || brokerMaxDeliveries !== undefined),
  };
}

/** Throws where a provider would not create such a queue, or would not change this one into it. */
export function checkSpec(
  queue: string,
  spec: QueueSpec,
  existing: QueueTraits | undefined,
  profile: Profile,
): void {
  const refuse = (problem: string): never => {
    throw new DriverError("permanent", `Queue "${queue}" cannot be created: ${problem}.`);
  };
  const { least, most } = profile.brokerDeliveries;
  if (!(spec.brokerMaxDeliveries >= least && spec.brokerMaxDeliveries <= most)) {
    refuse(
      `its most deliveries must be from ${least} to ${most}; ${spec.brokerMaxDeliveries} were asked for`,
    );
  }
  if (
    profile.fixedLeaseMs !== undefined &&
    !(spec.leaseMs > 0 && spec.leaseMs <= profile.limits.maxLeaseMs)
  ) {
    refuse(`its lease lasts at most ${profile.limits.maxLeaseMs} ms; ${spec.leaseMs} were asked for`);
  }
  const implied = impliedOrdering(queue, profile);
  if (implied === "none" && spec.ordering === "by_key") {
    refuse(`an ordered queue's name ends in ${profile.orderedEnding}`);
  }
  if (implied !== undefined || existing === undefined || spec.ordering === undefined) return;
  if (existing.ordering === spec.ordering) return;
  const canBecomeOrdered = profile.limits.createsQueues && spec.ordering === "by_key";
  if (!canBecomeOrdered) refuse(`it exists with the ordering "${existing.ordering}"; drop it first`);
}
