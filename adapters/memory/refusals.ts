import {
  DriverError,
  type Limits,
  messageBytes,
  type Outgoing,
  type QueueTraits,
} from "../../src/driver/index.ts";
import type { Profile } from "./emulated-providers.ts";

/**
 * Checks the limits of a whole request. The core never exceeds them.
 * @throws DriverError `permanent` if the request exceeds a limit
 */
export function checkBatch(queue: string, messages: readonly Outgoing[], limits: Limits): void {
  if (messages.length > limits.maxBatch) {
    throw new DriverError(
      "permanent",
      `A send to queue "${queue}" has ${messages.length} messages; at most ${limits.maxBatch} fit one request.`,
    );
  }
  if (messages.length < 2 || limits.maxBatchBytes === Number.POSITIVE_INFINITY) return;
  let bytes = 0;
  for (const { body, attributes } of messages) bytes += messageBytes(body, attributes, limits);
  if (bytes > limits.maxBatchBytes) {
    throw new DriverError(
      "permanent",
      `A send to queue "${queue}" has ${bytes} bytes; at most ${limits.maxBatchBytes} fit one request.`,
    );
  }
}

/** Returns the error with which the provider refuses a message. Returns undefined if the provider accepts the message. */
export function refuseMessage(
  queue: string,
  message: Outgoing,
  traits: QueueTraits,
  profile: Profile,
): DriverError | undefined {
  const { limits } = profile;
  const permanent = (problem: string): DriverError =>
    new DriverError("permanent", `A message to queue "${queue}" ${problem}.`);

  if (traits.deadLetterQueue === queue) return permanent("is refused: only the broker puts messages there");
  if (!(message.delayMs >= 0 && message.delayMs <= traits.nativeDelayMs)) {
    return permanent(`has a delay of ${message.delayMs} ms; from 0 to ${traits.nativeDelayMs} is possible`);
  }
  if (message.cancellable === true && !limits.cancel) {
    return permanent("asks to be cancellable, which is not possible");
  }
  if (traits.orderingKeyRequired && message.orderingKey === undefined) {
    return permanent("has no ordering key");
  }
  if (profile.dedupIdRequired && traits.dedupWindowMs > 0 && message.dedupId === undefined) {
    return permanent("has no id by which to deduplicate it");
  }
  const refusal = profile.refusal?.(message);
  if (refusal !== undefined) {
    return new DriverError(refusal.kind, `A message to queue "${queue}" ${refusal.problem}.`);
  }
  return limits.maxMessageBytes === Number.POSITIVE_INFINITY ? undefined : tooMuch(queue, message, limits);
}

/** Returns the error for a message that is too large, or has too many or too large attributes. */
function tooMuch(queue: string, { body, attributes }: Outgoing, limits: Limits): DriverError | undefined {
  const bytes = messageBytes(body, attributes, limits);
  if (bytes > limits.maxMessageBytes) {
    return new DriverError(
      "too_large",
      `A message to queue "${queue}" has ${bytes} bytes; at most ${limits.maxMessageBytes} are accepted.`,
    );
  }
  const entries = Object.entries(attributes);
  if (entries.length > limits.maxAttributes) {
    return new DriverError(
      "permanent",
      `A message to queue "${queue}" has ${entries.length} attributes; at most ${limits.maxAttributes} are accepted.`,
    );
  }
  for (const [name, value] of entries) {
    const length = Buffer.byteLength(value);
    if (length > limits.maxAttributeBytes) {
      return new DriverError(
        "permanent",
        `A message to queue "${queue}" has ${length} bytes in its attribute "${name}"; at most ${limits.maxAttributeBytes} are accepted.`,
      );
    }
  }
  return undefined;
}
