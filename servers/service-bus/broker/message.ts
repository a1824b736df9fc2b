/** The lock of one receiver on one message. */
export interface Lock {
  /** A UUID in text form. */
  readonly token: string;
  /** Expiry in epoch milliseconds. On a queue with sessions it equals the expiry of the session's lock. */
  until: number;
}

/** The message annotations of a sender that the broker does not write itself. */
export interface SenderAnnotations {
  readonly count: number;
  /** Keys and values, as the sender encoded them. */
  readonly pairs: Buffer;
}

/** A message in an entity. The journal writes these fields under these names. */
export interface BrokerMessage {
  readonly sequence: number;
  readonly enqueueSequence: number;
  /**
   * The message as its sender encoded it: AMQP 1.0's bare message (properties, application properties, body) and the
   * footer. The broker does not read it; {@link SetProperties} changes it.
   */
  bare: Buffer;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly partitionKey: string | undefined;
  readonly ttlMs: number | undefined;
  /** As in the header that the sender has sent. */
  readonly durable: boolean | undefined;
  /** As in the header that the sender has sent. */
  readonly priority: number | undefined;
  readonly annotations: SenderAnnotations | undefined;
  /** Epoch milliseconds. */
  readonly enqueuedAt: number;
  /** Epoch milliseconds. */
  readonly scheduledAt: number | undefined;
  /** Number of failed deliveries, and of deliveries after which the message was deferred. */
  deliveryCount: number;
  state: "active" | "deferred" | "scheduled";
  lock: Lock | undefined;
}

/** A message that a sender has sent and that the broker has not accepted yet. */
export type SentMessage = Pick<
  BrokerMessage,
  | "bare"
  | "messageId"
  | "sessionId"
  | "partitionKey"
  | "ttlMs"
  | "scheduledAt"
  | "durable"
  | "priority"
  | "annotations"
>;

/** The message that the broker keeps for an accepted one. `now` is in epoch milliseconds. */
export function acceptedMessage(sent: SentMessage, sequence: number, now: number): BrokerMessage {
  const isScheduled = sent.scheduledAt !== undefined && sent.scheduledAt > now;
  return {
    ...sent,
    sequence,
    enqueueSequence: sequence,
    enqueuedAt: now,
    deliveryCount: 0,
    state: isScheduled ? "scheduled" : "active",
    lock: undefined,
  };
}

/** Application properties by name. The values have the types of the protocol library. */
export type Properties = Readonly<Record<string, unknown>>;

/**
 * Sets application properties in a bare message and returns the new bytes.
 *
 * The protocol side passes this function to the broker, so that the broker does not depend on the encoding. It throws a
 * `Refusal` if the properties would have more than `maxBytes`.
 */
export type SetProperties = (bare: Buffer, properties: Properties, maxBytes?: number) => Buffer;

/** The outcome that a receiver settles a message with. */
export type SettleOutcome =
  | { readonly kind: "complete" }
  | { readonly kind: "abandon" | "defer"; readonly properties: Properties }
  | {
      readonly kind: "dead_letter";
      readonly reason: string | undefined;
      readonly description: string | undefined;
      readonly properties: Properties;
    };

/** Application properties that state why a message was dead-lettered. */
export function deadLetterProperties(
  reason: string | undefined,
  description: string | undefined,
): Properties {
  return {
    ...(reason === undefined ? {} : { DeadLetterReason: reason }),
    ...(description === undefined ? {} : { DeadLetterErrorDescription: description }),
  };
}

/** Bytes of a message that count towards the size of its queue. */
export function bytesOf({ bare, annotations }: BrokerMessage): number {
  return bare.length + (annotations?.pairs.length ?? 0);
}
