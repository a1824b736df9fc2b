import type { Decoder } from "../message/decoder.ts";
import { Malformed } from "../message/system-attributes.ts";
import { type EventOptions, fieldsOf, haveText, timeOf, typeOf } from "./event.ts";

/** One change of an object, in the parts that every notification has. Keys are URL-encoded, with `+` for a space. */
export interface S3Record {
  readonly eventSource: string;
  readonly eventName: string;
  readonly eventTime: string;
  readonly s3: {
    readonly bucket: { readonly name: string; readonly arn?: string };
    readonly object: {
      readonly key: string;
      readonly size?: number;
      readonly eTag?: string;
      readonly versionId?: string;
      readonly sequencer?: string;
    };
  };
}

/** A notification of Amazon S3: the payload of the job. */
export interface S3Event {
  readonly Records: readonly S3Record[];
}

/**
 * Reads the event notifications of Amazon S3. The job type is the name of the event, such as `ObjectCreated:Put`, and the
 * payload is the notification, `{ Records: [...] }`. The test event that S3 sends when notifications are configured is
 * ignored.
 *
 * Shapes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html (2026-11)
 *
 * @example
 * worker.register("ObjectCreated:Put", async ({ payload }) => {
 *   for (const { s3 } of (payload as S3Event).Records) await scan(decodeURIComponent(s3.object.key.replaceAll("+", " ")));
 * });
 */
export function s3({ type }: EventOptions<S3Event> = {}): Decoder {
  return ({ json }) => {
    const fields = fieldsOf(json);
    // All fields that tell it, since a message that is ignored is gone.
    if (fields["Event"] === "s3:TestEvent" && haveText(fields, "Service", "Time", "Bucket", "RequestId"))
      return "ignore";
    const records = fields["Records"];
    if (!Array.isArray(records) || records.length === 0 || !records.every(isRecord)) return undefined;
    const [first] = records as readonly S3Record[];
    const { eventName, eventTime } = first as S3Record;
    if (type === undefined && records.some((record: S3Record) => record.eventName !== eventName))
      throw new Malformed(
        "the S3 notification has records of several event names; give s3() the option type",
      );
    return {
      type: typeOf(type, json as S3Event, eventName),
      payload: json,
      createdAt: timeOf(eventTime, "eventTime of the S3 notification"),
    };
  };
}

/** Stores that speak the protocol of S3 write their own name before `:s3`. */
function isRecord(record: unknown): boolean {
  const fields = fieldsOf(record);
  return haveText(fields, "eventSource", "eventName") && /^\w+:s3$/.test(String(fields["eventSource"]));
}
