import type { Limits, Outgoing } from "../../src/driver/index.ts";
import * as pubsub from "../pubsub/limits.ts";
import * as serviceBus from "../service-bus/limits.ts";
import * as sqs from "../sqs/limits.ts";
import { memoryLimits } from "./limits.ts";

/** A provider whose limits and traits queues in memory can have. */
export type EmulatedProvider = "sqs" | "pubsub" | "service-bus";

/** The rules of queues in memory: the limits of the provider that they emulate, and what limits cannot express. */
export interface Profile {
  readonly limits: Limits;
  /** The retention of the queues that exist. `limits` has the retention of a queue that queueport did not create. */
  readonly createdRetentionMs: number;
  /** Valid names of queues, and the rule in words. Undefined if every name is valid. */
  readonly queueName?: { readonly pattern: RegExp; readonly rule: string } | undefined;
  /** The ending of the names of ordered queues. Undefined if any queue can be ordered. */
  readonly orderedEnding?: string | undefined;
  /** Whether an ordered queue refuses a message without an ordering key. */
  readonly orderingKeyRequired: boolean;
  readonly orderedNativeDelayMs: number;
  readonly dedupWindowMs: { readonly none: number; readonly by_key: number };
  /** Whether a queue that deduplicates refuses a message without an id. */
  readonly dedupIdRequired: boolean;
  readonly deadLetter: "native" | "copy";
  /** The broker's delivery limit on the queues that exist from the start. */
  readonly initialMaxDeliveries: number | undefined;
  /** The broker's delivery limit that `ensure` sets if this one is asked for. */
  readonly maxDeliveries: (asked: number) => number;
  /** Whether deliveries are counted on a queue without a delivery limit. */
  readonly countsWithoutLimit: boolean;
  /** The lease of the queues that exist from the start. Undefined if receivers choose the lease. */
  readonly fixedLeaseMs?: number | undefined;
  /** The lease that is granted, or that `ensure` sets, if this one is asked for. */
  readonly leaseMs: (askedMs: number) => number;
  /** Whether an expired lease still acknowledges as long as no other receiver has the message. */
  readonly lateAck: boolean;
  /** Whether a message that was released with a delay counts as in flight, not as delayed. */
  readonly releasedInFlight: boolean;
  readonly stats: "exact" | "approximate" | "none";
  /** Whether bodies come back as bytes, whether they were sent as text or as bytes. */
  readonly bytes: boolean;
  /** Why the provider refuses this message, besides `limits`; undefined if it does not. The reason completes "A message". */
  readonly refusal?: ((message: Outgoing) => Refusal | undefined) | undefined;
  /** Whether attributes with an empty value are left out. */
  readonly dropsEmptyAttributes: boolean;
}

/** The reason for which a provider refuses a message. */
export interface Refusal {
  readonly kind: "permanent" | "too_large";
  readonly problem: string;
}

const SECOND = 1_000;
const MINUTE = 60_000;

/** No emulation: everything that the contract can express, without limits. */
export const plain: Profile = {
  limits: memoryLimits,
  createdRetentionMs: Number.POSITIVE_INFINITY,
  orderingKeyRequired: false,
  orderedNativeDelayMs: memoryLimits.nativeDelayMs,
  dedupWindowMs: { none: 0, by_key: 5 * MINUTE },
  dedupIdRequired: false,
  deadLetter: "copy",
  initialMaxDeliveries: undefined,
  maxDeliveries: (asked) => asked,
  countsWithoutLimit: true,
  leaseMs: (askedMs) => askedMs,
  lateAck: true,
  releasedInFlight: false,
  stats: "exact",
  bytes: false,
  dropsEmptyAttributes: false,
};

/** Amazon SQS: a standard queue, or a FIFO queue if its name says so. */
const emulatedSqs: Profile = {
  limits: sqs.sqsLimits,
  queueName: { pattern: sqs.QUEUE_NAME, rule: sqs.QUEUE_NAME_RULE },
  createdRetentionMs: sqs.CREATED_RETENTION_MS,
  orderedEnding: sqs.FIFO_ENDING,
  orderingKeyRequired: true,
  orderedNativeDelayMs: sqs.FIFO_NATIVE_DELAY_MS,
  dedupWindowMs: { none: 0, by_key: sqs.DEDUP_WINDOW_MS },
  dedupIdRequired: true,
  deadLetter: "copy",
  initialMaxDeliveries: 100,
  maxDeliveries: (asked) => Math.min(asked, sqs.MAX_RECEIVE_COUNT),
  countsWithoutLimit: true,
  leaseMs: (askedMs) => Math.ceil(askedMs / SECOND) * SECOND,
  lateAck: true,
  releasedInFlight: true,
  stats: "approximate",
  bytes: false,
  refusal: refusalBySqs,
  dropsEmptyAttributes: true,
};

/** Google Pub/Sub: a topic with one subscription. */
const emulatedPubsub: Profile = {
  limits: pubsub.pubsubLimits,
  queueName: { pattern: pubsub.QUEUE_NAME, rule: pubsub.QUEUE_NAME_RULE },
  createdRetentionMs: pubsub.CREATED_RETENTION_MS,
  orderingKeyRequired: false,
  orderedNativeDelayMs: pubsub.pubsubLimits.nativeDelayMs,
  dedupWindowMs: { none: 0, by_key: 0 },
  dedupIdRequired: false,
  deadLetter: "copy",
  initialMaxDeliveries: 100,
  maxDeliveries: pubsub.policyAttempts,
  countsWithoutLimit: false,
  leaseMs: (askedMs) => pubsub.leaseSeconds(askedMs) * SECOND,
  lateAck: true,
  releasedInFlight: true,
  stats: "none",
  bytes: true,
  refusal: refusalByPubsub,
  dropsEmptyAttributes: false,
};

/** Azure Service Bus in the Standard tier, with duplicate detection. */
const emulatedServiceBus: Profile = {
  limits: serviceBus.serviceBusLimits,
  queueName: { pattern: serviceBus.QUEUE_NAME, rule: serviceBus.QUEUE_NAME_RULE },
  createdRetentionMs: serviceBus.serviceBusLimits.retentionMs,
  orderingKeyRequired: true,
  orderedNativeDelayMs: serviceBus.serviceBusLimits.nativeDelayMs,
  dedupWindowMs: { none: serviceBus.CREATED_DEDUP_WINDOW_MS, by_key: serviceBus.CREATED_DEDUP_WINDOW_MS },
  dedupIdRequired: false,
  deadLetter: "native",
  initialMaxDeliveries: 100,
  maxDeliveries: (asked) => Math.min(asked, serviceBus.MAX_DELIVERY_COUNT),
  countsWithoutLimit: true,
  fixedLeaseMs: 30 * SECOND,
  leaseMs: serviceBus.lockMs,
  lateAck: false,
  releasedInFlight: false,
  stats: "exact",
  bytes: true,
  refusal: refusalByServiceBus,
  dropsEmptyAttributes: false,
};

export const profiles: Readonly<Record<EmulatedProvider, Profile>> = {
  sqs: emulatedSqs,
  pubsub: emulatedPubsub,
  "service-bus": emulatedServiceBus,
};

function refusalBySqs({ body, attributes }: Outgoing): Refusal | undefined {
  if (typeof body !== "string") return permanent("has a body of bytes; only text is carried");
  if (body === "") return permanent("has an empty body");
  const texts = [body, ...Object.values(attributes)];
  if (texts.some((text) => sqs.NOT_CARRIED.test(text)))
    return permanent("has a character that is not carried");
  return undefined;
}

function refusalByPubsub({ body, attributes, orderingKey = "" }: Outgoing): Refusal | undefined {
  const names = Object.keys(attributes);
  if (body.length === 0 && names.length === 0) return permanent("has neither a body nor attributes");
  for (const name of names) {
    if (name === "") return permanent("has an attribute without a name");
    if (Buffer.byteLength(name) > pubsub.MAX_ATTRIBUTE_NAME_BYTES)
      return permanent(`has an attribute whose name is longer than ${pubsub.MAX_ATTRIBUTE_NAME_BYTES} bytes`);
    if (name.startsWith(pubsub.RESERVED_ATTRIBUTE_PREFIX))
      return permanent(`has an attribute whose name starts with "${pubsub.RESERVED_ATTRIBUTE_PREFIX}"`);
  }
  if (Buffer.byteLength(orderingKey) > pubsub.MAX_ORDERING_KEY_BYTES)
    return permanent(`has an ordering key of more than ${pubsub.MAX_ORDERING_KEY_BYTES} bytes`);
  return undefined;
}

function refusalByServiceBus({ attributes, orderingKey = "", dedupId = "" }: Outgoing): Refusal | undefined {
  let bytes = 0;
  for (const name in attributes)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attributes[name] as string);
  if (bytes > serviceBus.MAX_PROPERTIES_BYTES)
    return {
      kind: "too_large",
      problem: `has ${bytes} bytes of attributes; at most ${serviceBus.MAX_PROPERTIES_BYTES} are accepted`,
    };
  if (orderingKey.length > serviceBus.MAX_ID_LENGTH || dedupId.length > serviceBus.MAX_ID_LENGTH)
    return permanent(`has an id of more than ${serviceBus.MAX_ID_LENGTH} characters`);
  return undefined;
}

function permanent(problem: string): Refusal {
  return { kind: "permanent", problem };
}
