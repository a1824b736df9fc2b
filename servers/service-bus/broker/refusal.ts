/** A refused request, with the AMQP condition that Service Bus reports for it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  /** Such as `amqp:not-found` or `com.microsoft:message-lock-lost`. */
  readonly condition: string;

  constructor(condition: string, description: string) {
    super(description);
    this.condition = condition;
  }
}

/** The refusals of the broker. Conditions and texts are those of Service Bus, since the SDK compares some of them. */
export const refusals = {
  /** The SDK reports `MessagingEntityNotFound` only if the description has exactly this form. */
  notFound: (path: string): Refusal =>
    new Refusal("amqp:not-found", `The messaging entity '${path}' could not be found.`),
  notAllowed: (description: string): Refusal => new Refusal("amqp:not-allowed", description),
  tooLarge: (bytes: number, maxBytes: number): Refusal =>
    new Refusal(
      "amqp:link:message-size-exceeded",
      `The received message (size: ${bytes} bytes) exceeds the limit (${maxBytes} bytes) currently allowed on the link.`,
    ),
  full: (path: string, megabytes: number): Refusal =>
    new Refusal(
      "amqp:resource-limit-exceeded",
      `The maximum entity size has been reached: '${path}' holds ${megabytes} MB and takes no more.`,
    ),
  /** @param fault such as "a map has a key without a value" */
  malformed: (fault: string): Refusal =>
    new Refusal("amqp:decode-error", `The bytes cannot be decoded: ${fault}.`),
  invalidField: (fault: string): Refusal =>
    new Refusal("amqp:invalid-field", `A frame is invalid: ${fault}.`),
  /** @param limit such as "links on one connection, 100" */
  tooMany: (limit: string): Refusal =>
    new Refusal("amqp:resource-limit-exceeded", `There are too many ${limit} at most.`),
  notImplemented: (description: string): Refusal => new Refusal("amqp:not-implemented", description),
  badArgument: (description: string): Refusal => new Refusal("com.microsoft:argument-error", description),
  unauthorized: (description: string): Refusal => new Refusal("amqp:unauthorized-access", description),
  lockLost: (): Refusal =>
    new Refusal(
      "com.microsoft:message-lock-lost",
      "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.",
    ),
  messageNotFound: (sequence: number): Refusal =>
    new Refusal(
      "com.microsoft:message-not-found",
      `Failed to lock one or more specified messages. The message with sequence number ${sequence} does not exist.`,
    ),
  sessionLockLost: (session: string): Refusal =>
    new Refusal(
      "com.microsoft:session-lock-lost",
      `The session lock has expired on the MessageSession '${session}'. Accept a new MessageSession.`,
    ),
  sessionTaken: (session: string): Refusal =>
    new Refusal(
      "com.microsoft:session-cannot-be-locked",
      `The requested session '${session}' cannot be accepted. It may be locked by another receiver.`,
    ),
  timeout: (): Refusal =>
    new Refusal("com.microsoft:timeout", "The operation did not complete within the allotted time."),
};

/** The refusal for any error: a failed system call is an internal error, all else is a message that cannot be decoded. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const isSystem = error instanceof Error && "syscall" in error;
  return new Refusal(isSystem ? "amqp:internal-error" : "amqp:decode-error", String(error));
}
