import type { Decoder, DecodedMessage } from "../message/decoder.ts";
import type { Fields } from "../message/ownership.ts";
import { fieldsOf, haveText, timeOf, type TypeOption, typeOf } from "./event.ts";

/** A notification as Amazon SNS puts it onto a queue, without raw message delivery. */
export interface SnsNotification {
  readonly MessageId: string;
  readonly TopicArn: string;
  readonly Message: string;
  readonly Subject?: string | undefined;
  readonly Timestamp?: string | undefined;
}

export interface SnsOptions {
  /**
   * The job type of notifications whose message has none: neither in its body, nor in an attribute `type`, nor by another
   * decoder. With it, a message that is not JSON has its text as the payload.
   * @default none; such a message is malformed
   */
  readonly type?: TypeOption<SnsNotification> | undefined;
}

/** Types of messages that SNS sends when a subscription is made or ended. A queue is subscribed without such a confirmation. */
const CONFIRMATIONS: ReadonlySet<unknown> = new Set(["SubscriptionConfirmation", "UnsubscribeConfirmation"]);

/**
 * Unwraps the notifications of Amazon SNS. The message inside, with its attributes, is decoded as if it had come alone: by
 * the other decoders, or as an envelope of queueport. Confirmations of subscriptions are ignored. Messages that come by raw
 * message delivery have no wrapping, and need no decoder.
 *
 * Shapes: https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html and
 * https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html (2026-11)
 *
 * @example
 * const queue = createQueue(sqs(), { decode: [sns(), s3()] });
 */
export function sns({ type }: SnsOptions = {}): Decoder {
  return ({ json }) => {
    const fields = fieldsOf(json);
    if (!haveText(fields, "Type", "TopicArn", "Message")) return undefined;
    // All fields that tell it, since a message that is ignored is gone.
    if (CONFIRMATIONS.has(fields["Type"]) && haveText(fields, "MessageId", "Token", "SubscribeURL"))
      return "ignore";
    if (fields["Type"] !== "Notification" || typeof fields["MessageId"] !== "string") return undefined;
    const { MessageId: id, Message: body, Timestamp } = fields as unknown as SnsNotification;
    const createdAt = timeOf(Timestamp, "Timestamp of the SNS notification");
    const attributes = attributesOf(fieldsOf(fields["MessageAttributes"]));
    if (type === undefined || "type" in attributes || "Type" in attributes)
      return { unwrap: { body, attributes, id, createdAt } };
    const name = typeOf(type, fields as unknown as SnsNotification, "");
    if (!isJson(body)) return { type: name, payload: body, id, createdAt } satisfies DecodedMessage;
    return { unwrap: { body, attributes: { ...attributes, type: name }, id, createdAt } };
  };
}

/** `{ "tenant": { "Type": "String", "Value": "t1" } }` → `{ tenant: "t1" }`. A binary value is base64 already. */
function attributesOf(given: Fields): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, attribute] of Object.entries(given)) {
    const value = fieldsOf(attribute)["Value"];
    if (typeof value === "string") attributes[name] = value;
  }
  return attributes;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
