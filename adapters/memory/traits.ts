import { DriverError, type QueueSpec, type QueueTraits, siblingQueue } from "../../src/driver/index.ts";
import type { Profile } from "./emulated-providers.ts";
import { deadLetterName, impliedOrdering, isSubQueue } from "./names.ts";

/** The settings with which a queue is created. */
export interface Creation {
  readonly ordering: QueueTraits["ordering"];
  readonly brokerMaxDeliveries?: number | undefined;
  readonly fixedLeaseMs?: number | undefined;
  /** Whether deliveries are counted, provided that the emulated provider can count them. */
  readonly counted: boolean;
}

export function traitsOf(queue: string, creation: Creation, profile: Profile): QueueTraits {
  const { ordering, brokerMaxDeliveries, fixedLeaseMs = profile.fixedLeaseMs, counted } = creation;
  const isOrdered = ordering === "by_key";
  const isNativeDeadLetters = profile.deadLetter === "native" && isSubQueue(queue);
  return {
    ordering,
    orderingKeyRequired: isOrdered && profile.orderingKeyRequired,
    dedupWindowMs: isNativeDeadLetters ? 0 : profile.dedupWindowMs[ordering],
    deadLetter: profile.deadLetter,
    deadLetterQueue: deadLetterName(queue, profile),
    delayQueue: siblingQueue(ownerOf(queue, profile), "-delay"),
    nativeDelayMs: isOrdered ? profile.orderedNativeDelayMs : profile.limits.nativeDelayMs,
    brokerMaxDeliveries,
    fixedLeaseMs,
    countsDeliveries: counted && (profile.countsWithoutLimit || brokerMaxDeliveries !== undefined),
  };
}

/** The queue to which a sub-queue of dead letters belongs; any other queue itself. */
function ownerOf(queue: string, profile: Profile): string {
  const isSub = profile.deadLetter === "native" && isSubQueue(queue);
  return isSub ? queue.slice(0, queue.lastIndexOf("/")) : queue;
}

/** @throws DriverError `permanent` if the provider would not create such a queue, or not change this one into it */
export function checkSpec(
  queue: string,
  spec: QueueSpec,
  existing: QueueTraits | undefined,
  profile: Profile,
): void {
  const refuse = (problem: string): never => {
    throw new DriverError("permanent", `Queue "${queue}" cannot be created: ${problem}.`);
  };
  if (!(spec.brokerMaxDeliveries >= 1))
    refuse(`its delivery limit must be 1 or more; ${spec.brokerMaxDeliveries} was asked for`);
  if (!(spec.leaseMs > 0)) refuse(`its lease must be longer than 0 ms; ${spec.leaseMs} was asked for`);
  const implied = impliedOrdering(queue, profile);
  if (implied !== undefined && implied !== (spec.ordering ?? "none"))
    refuse(
      implied === "none"
        ? `the name of an ordered queue ends in "${profile.orderedEnding}"`
        : `its name ends in "${profile.orderedEnding}", so it keeps order by key; ask for the ordering "by_key"`,
    );
  if (implied !== undefined || existing === undefined || spec.ordering === undefined) return;
  if (existing.ordering === spec.ordering) return;
  const canBecomeOrdered = profile.limits.createsQueues && spec.ordering === "by_key";
  if (!canBecomeOrdered) refuse(`it exists with the ordering "${existing.ordering}"; drop it first`);
}
