import {
  type Body,
  DriverError,
  type Limits,
  messageBytes,
  type Outgoing,
  type QueueTraits,
} from "../../src/driver/index.ts";
import type { Profile } from "./personalities.ts";

/** Anything but what XML 1.0 allows, unpaired surrogates included. */
const NOT_XML = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/** Throws where a whole request breaks a limit: the core never makes such a one. */
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

/** Why a production broker would not take this message; undefined where it would. */
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
  if (message.cancellable === true && !limits.cancel)
    return permanent("is to be cancellable, which is not possible");
  if (traits.orderingKeyRequired && message.orderingKey === undefined)
    return permanent("has no ordering key");
  if (profile.dedupIdRequired && traits.dedupWindowMs > 0 && message.dedupId === undefined) {
    return permanent("has no id to deduplicate it by");
  }
  if (limits.maxMessageBytes === Number.POSITIVE_INFINITY) return undefined;

  const bytes = messageBytes(message.body, message.attributes, limits);
  if (bytes > limits.maxMessageBytes) {
    return new DriverError(
      "too_large",
      `A message to queue "${queue}" has ${bytes} bytes; at most ${limits.maxMessageBytes} are taken.`,
    );
  }
  const attributes = Object.entries(message.attributes);
  if (attributes.length > limits.maxAttributes) {
    return permanent(`has ${attributes.length} attributes; at most ${limits.maxAttributes} are taken`);
  }
  for (const [name, value] of attributes) {
    const length = Buffer.byteLength(value);
    if (length > limits.maxAttributeBytes) {
      return permanent(
        `has ${length} bytes in its attribute "${name}"; at most ${limits.maxAttributeBytes} are taken`,
      );
    }
    if (profile.xmlText && (value === "" || NOT_XML.test(value))) {
      return permanent(`has an attribute "${name}" that is empty or has a character that cannot be carried`);
    }
  }
  if (profile.xmlText && !isXmlText(message.body)) {
    return permanent("has a body that is empty or has a character that cannot be carried");
  }
  return undefined;
}

function isXmlText(body: Body): boolean {
  if (body.length === 0) return false;
  if (typeof body === "string") return !NOT_XML.test(body);
  try {
    return !NOT_XML.test(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return false;
  }
}
