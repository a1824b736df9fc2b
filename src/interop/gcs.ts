import type { Decoder, RawMessage } from "../message/decoder.ts";
import { isFields } from "../message/ownership.ts";
import { Malformed } from "../message/system-attributes.ts";
import { type EventOptions, haveText, timeOf, typeOf } from "./event.ts";

/** The attributes of a notification of Cloud Storage. */
export interface GcsNotification {
  readonly eventType: string;
  readonly bucketId: string;
  readonly objectId: string;
  readonly payloadFormat: string;
  readonly objectGeneration?: string;
  readonly eventTime?: string;
  readonly notificationConfig?: string;
}

/**
 * Reads the notifications of Google Cloud Storage. The job type is the `eventType`, such as `OBJECT_FINALIZE`, and the
 * payload is the object resource, which has `bucket` and `name`. A notification without the resource, of the payload
 * format `NONE`, has `{ bucket, name, generation }` of its attributes as the payload. `message.attributes` has the rest.
 *
 * Shape: https://cloud.google.com/storage/docs/pubsub-notifications (2026-11)
 */
export function gcs({ type }: EventOptions<GcsNotification> = {}): Decoder {
  return (raw) => {
    const { attributes } = raw;
    if (!haveText(attributes, "eventType", "bucketId", "objectId", "payloadFormat")) return undefined;
    const notification = attributes as unknown as GcsNotification;
    return {
      type: typeOf(type, notification, notification.eventType),
      payload: resourceOf(raw, notification),
      createdAt: timeOf(notification.eventTime, "eventTime of the Cloud Storage notification"),
    };
  };
}

function resourceOf({ json }: RawMessage, notification: GcsNotification): unknown {
  const { payloadFormat, bucketId: bucket, objectId: name, objectGeneration: generation } = notification;
  if (payloadFormat === "NONE") return { bucket, name, generation };
  if (!isFields(json))
    throw new Malformed(
      "the Cloud Storage notification has no object resource, although its payloadFormat says so",
    );
  return json;
}
