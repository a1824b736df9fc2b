/**
 * Decoders for messages that other systems put on queues, and an encoder for queues that other systems read.
 *
 * @module
 */
export {
  type CloudEventContext,
  cloudEvents,
  encodeCloudEvents,
  type EncodeCloudEventsOptions,
} from "./cloud-events.ts";
export type { DecoderName, DecoderNames } from "./by-name.ts";
export type { EventOptions, TypeOption } from "./event.ts";
export { eventBridge, type EventBridgeEvent } from "./event-bridge.ts";
export { eventGrid, type EventGridEvent } from "./event-grid.ts";
export { gcs, type GcsNotification } from "./gcs.ts";
export { s3, type S3Event, type S3Record } from "./s3.ts";
export { sns, type SnsNotification, type SnsOptions } from "./sns.ts";
