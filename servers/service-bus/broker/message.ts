/** The hold of one receiver on one message. */
export interface Lock {
  /** A uuid as text. */
  readonly token: string;
  /** Epoch milliseconds; that of its session, where the message has one. */
  until: number;
}

/** One message in a queue. */
export interface StoredMessage {
  readonly sequence: number;
  readonly enqueueSequence: number;
  /** Properties, application properties, body and footer in AMQP's encoding. */
  bare: Buffer;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly partitionKey: string | undefined;
  readonly ttlMs: number | undefined;
  readonly enqueuedAt: number;
  readonly scheduledAt: number | undefined;
  /** Deliveries that have failed. */
  deliveryCount: number;
  state: "active" | "deferred" | "scheduled";
  lock: Lock | undefined;
}

/** A message on its way in. */
export type NewMessage = Pick<
  StoredMessage,
  "bare" | "messageId" | "sessionId" | "partitionKey" | "ttlMs" | "scheduledAt"
>;

/** What a receiver decided over a message. */
export type Settlement =
  | { readonly kind: "complete" }
  | { readonly kind: "abandon" | "defer"; readonly properties: Readonly<Record<string, unknown>> }
  | {
      readonly kind: "dead_letter";
      readonly reason: string | undefined;
      readonly description: string | undefined;
      readonly properties: Readonly<Record<string, unknown>>;
    };

/** The application properties by which a dead letter says why it is one. */
export function deathNote(
  reason: string | undefined,
  description: string | undefined,
): Readonly<Record<string, unknown>> {
  return {
    ...(reason === undefined ? {} : { DeadLetterReason: reason }),
    ...(description === undefined ? {} : { DeadLetterErrorDescription: description }),
  };
}
