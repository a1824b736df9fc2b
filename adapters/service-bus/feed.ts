import type { ServiceBusClient } from "@azure/service-bus";
import type { Clock } from "../../src/driver/index.ts";
import type { DeliveryBuffer } from "./delivery-buffer.ts";
import type { Entity } from "./names.ts";
import { endedWithin, type LockTime } from "./time.ts";

/** Receives messages into a buffer. There is one feed for queues with sessions, and one for all others. */
export interface Feed {
  /** Requests messages, so that `count` in total are on their way. */
  want(count: number): void;
  /** Requests no more messages. Resolves when none is on its way any more. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface FeedOptions {
  readonly client: ServiceBusClient;
  readonly entity: Entity;
  readonly buffer: DeliveryBuffer;
  readonly lock: LockTime;
  readonly clock: Clock;
}

/** Options of the SDK's receivers that leave messages as they were sent. */
export const AS_SENT = {
  /** Bodies are bytes. Parsing them would cost more than receiving them. */
  skipParsingBodyAsJson: true,
  /** Dates stay dates. The SDK would convert them to numbers, which look like any other number. */
  skipConvertingDate: true,
  /** The SDK renews locks by message id, which two messages may share. The core renews the locks itself. */
  maxAutoLockRenewalDurationInMs: 0,
} as const;

const END_TIMEOUT_MS = 2_000;

/** Resolves when the end of a link or receiver is complete, or after 2 s. It then continues in the background. */
export function endedSoon(ending: Promise<unknown>): Promise<void> {
  return endedWithin(END_TIMEOUT_MS, ending);
}
