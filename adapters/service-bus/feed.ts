import type { ServiceBusClient } from "@azure/service-bus";
import type { Clock } from "../../src/driver/index.ts";
import type { DeliveryBuffer } from "./delivery-buffer.ts";
import type { Entity } from "./names.ts";
import { endedWithin, type LockTime } from "./time.ts";

/** Receives messages into a buffer. `SessionFeed` is for queues with sessions, and `QueueFeed` for all other queues. */
export interface Feed {
  /** Whether messages can arrive now, so that silence says that there are none. */
  readonly isOpen: boolean;
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

/** Options of the SDK's receivers. With them, the SDK does not change messages. */
export const AS_SENT = {
  /** Bodies are bytes. Parsing them would cost more than receiving them. */
  skipParsingBodyAsJson: true,
  /** Dates stay dates. The SDK would convert them to numbers, which look like any other number. */
  skipConvertingDate: true,
  /** The SDK renews locks by message id, which two messages may share. The core renews the locks itself. */
  maxAutoLockRenewalDurationInMs: 0,
} as const;

const END_TIMEOUT_MS = 2_000;

/** Resolves when a link or receiver has ended, or after 2 s. After 2 s, the ending continues in the background. */
export function endedSoon(ending: Promise<unknown>): Promise<void> {
  return endedWithin(END_TIMEOUT_MS, ending);
}
