import type { ServiceBusClient } from "@azure/service-bus";
import type { Clock } from "../../src/driver/index.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Entity } from "./names.ts";
import type { LockTime } from "./time.ts";

/** What brings messages into a mailbox. */
export interface Feed {
  /** Sees to it that up to `count` messages are on their way, and no more. */
  want(count: number): void;
  /** Asks for no more; resolves when nothing is on its way any more. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface FeedOptions {
  readonly client: ServiceBusClient;
  readonly entity: Entity;
  readonly mailbox: Mailbox;
  readonly lock: LockTime;
  readonly clock: Clock;
}

/** Messages as they came: what the SDK makes of them costs more than to read them, and is not what was sent. */
export const AS_SENT = {
  /** Bytes. */
  skipParsingBodyAsJson: true,
  /** Dates stay what they are, instead of numbers that nobody knows for dates. */
  skipConvertingDate: true,
  /** The SDK's own renewals go by message id, which two messages may share; the core extends what it holds. */
  maxAutoLockRenewalDurationInMs: 0,
} as const;

/** A client whose connection is gone may wait for it; what is closed here is closed in its own time. */
const PATIENCE_MS = 2_000;

export async function inTime(work: Promise<unknown>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, PATIENCE_MS);
  await Promise.race([work.catch(() => undefined), enough.promise]);
  clearTimeout(timer);
}
