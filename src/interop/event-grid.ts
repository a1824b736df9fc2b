import type { Decoder } from "../message/decoder.ts";
import { Malformed } from "../message/system-attributes.ts";
import { type EventOptions, fieldsOf, haveText, headersOf, timeOf, typeOf } from "./event.ts";

/** An event of Azure Event Grid, in its own schema. Its `data` is the payload of the job. */
export interface EventGridEvent {
  readonly id: string;
  readonly eventType: string;
  readonly subject: string;
  readonly eventTime: string;
  readonly data: unknown;
  readonly topic?: string;
  readonly dataVersion?: string;
  readonly metadataVersion?: string;
}

/** Values of `aeg-event-type` of messages about a subscription, not about an event. */
const ABOUT_SUBSCRIPTIONS: ReadonlySet<unknown> = new Set(["SubscriptionValidation", "SubscriptionDeletion"]);

/**
 * Reads the events of Azure Event Grid that have the schema of Event Grid. The job type is the `eventType`, and the payload
 * is the `data`. The headers have `subject`, `topic` and `dataVersion`. Messages about a subscription are ignored. Events
 * in the schema of CloudEvents need no decoder.
 *
 * Shapes: https://learn.microsoft.com/azure/event-grid/event-schema and
 * https://learn.microsoft.com/azure/event-grid/handler-service-bus (2026-11)
 */
export function eventGrid({ type }: EventOptions<EventGridEvent> = {}): Decoder {
  return ({ json, attributes }) => {
    // Custom topics and the emulator deliver a list, as to webhooks.
    const events: readonly unknown[] = Array.isArray(json) ? json : [json];
    if (!events.every(isEvent) || events.length === 0) return undefined;
    if (ABOUT_SUBSCRIPTIONS.has(attributes["aeg-event-type"])) return "ignore";
    if (events.length > 1)
      throw new Malformed("the message has several Event Grid events; one message can be one job only");
    const event = events[0] as EventGridEvent;
    return {
      type: typeOf(type, event, event.eventType),
      payload: event.data,
      id: event.id,
      headers: headersOf(fieldsOf(event), "subject", "topic", "dataVersion"),
      createdAt: timeOf(event.eventTime, "eventTime of the Event Grid event"),
    };
  };
}

function isEvent(value: unknown): boolean {
  const fields = fieldsOf(value);
  return haveText(fields, "id", "eventType", "subject", "eventTime") && Object.hasOwn(fields, "data");
}
