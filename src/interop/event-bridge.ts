import type { Decoder } from "../message/decoder.ts";
import { type EventOptions, fieldsOf, haveText, headersOf, timeOf, typeOf } from "./event.ts";

/** An event of Amazon EventBridge. Its `detail` is the payload of the job. */
export interface EventBridgeEvent {
  readonly id: string;
  readonly "detail-type": string;
  readonly source: string;
  readonly detail: unknown;
  readonly time?: string;
  readonly account?: string;
  readonly region?: string;
  readonly resources?: readonly string[];
}

/**
 * Reads the events of Amazon EventBridge. The job type is the `detail-type`, and the payload is the `detail`. The headers
 * have `source`, `account`, `region`, and `resources` as JSON.
 *
 * Shape: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html (2026-11)
 *
 * @example
 * const decode = eventBridge({ type: (event) => `${event.source}/${event["detail-type"]}` });
 */
export function eventBridge({ type }: EventOptions<EventBridgeEvent> = {}): Decoder {
  return ({ json }) => {
    const fields = fieldsOf(json);
    if (!haveText(fields, "detail-type", "source", "id") || !Object.hasOwn(fields, "detail"))
      return undefined;
    const event = fields as unknown as EventBridgeEvent;
    return {
      type: typeOf(type, event, event["detail-type"]),
      payload: event.detail,
      id: event.id,
      headers: headersOf(fields, "source", "account", "region", "resources"),
      createdAt: timeOf(event.time, "time of the EventBridge event"),
    };
  };
}
