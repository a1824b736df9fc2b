import type { Clock } from "../../src/lib/clock.ts";

/** A queue, in the terms of Service Bus. All times are in milliseconds. */
export interface QueueDefinition {
  /** Up to 260 characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`, `/` and `~`. The first one is alphanumeric. */
  readonly name: string;
  /** Whether messages are received by session, and each session by one receiver at a time. @default false */
  readonly requiresSession?: boolean | undefined;
  /** Time that a message, or a session, is locked for its receiver. From 1 to 300,000. @default 60000 */
  readonly lockDurationMs?: number | undefined;
  /** Failed deliveries after which a message moves to the dead-letter sub-queue. From 1 to 2,000. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
  /**
   * Time within which a repeated message id is dropped. From 0, which turns duplicate detection off, to 604,800,000
   * (7 days).
   * @default 0
   */
  readonly duplicateDetectionWindowMs?: number | undefined;
  /** Longest time to live of a message. It also applies to a message that states none. At least 1. @default Infinity */
  readonly timeToLiveMs?: number | undefined;
  /** Whether messages that expire become dead letters. @default false */
  readonly deadLetterOnExpiration?: boolean | undefined;
  /** Total size of the messages, above which sends are refused. From 1 to 81,920. @default 1024 */
  readonly maxSizeMegabytes?: number | undefined;
}

/** A queue's definition with all defaults applied. */
export type QueueSettings = { readonly [K in keyof QueueDefinition]-?: NonNullable<QueueDefinition[K]> };

const queueDefaults: Omit<QueueSettings, "name"> = {
  requiresSession: false,
  lockDurationMs: 60_000,
  maxDeliveryCount: 10,
  duplicateDetectionWindowMs: 0,
  timeToLiveMs: Number.POSITIVE_INFINITY,
  deadLetterOnExpiration: false,
  maxSizeMegabytes: 1_024,
};

/** The limits of Service Bus. A lock and a detection window may be shorter here, so that tests need not wait. */
const bounds: Readonly<Record<string, readonly [min: number, max: number]>> = {
  // At most 5 min: https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.administration.createqueueoptions.lockduration
  // (undated, read 2026-11-29).
  lockDurationMs: [1, 300_000],
  // Microsoft documents the default of 10, not the range, which is known from other implementations:
  // https://github.com/floci-io/floci-az/pull/207 (2026-08-22).
  maxDeliveryCount: [1, 2_000],
  // At most 7 days: https://learn.microsoft.com/azure/service-bus-messaging/duplicate-detection (2023-06-08).
  duplicateDetectionWindowMs: [0, 604_800_000],
  timeToLiveMs: [1, Number.POSITIVE_INFINITY],
  // At most 80 GB: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-07-21).
  maxSizeMegabytes: [1, 81_920],
};
/** At most 260 characters: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2025-05-12). */
const NAME = /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./~]{0,258}[A-Za-z0-9_]$/;

/** @throws RangeError if Service Bus would not accept the name or a setting */
export function settingsOf(queue: string | QueueDefinition): QueueSettings {
  const definition = typeof queue === "string" ? { name: queue } : queue;
  const given = Object.fromEntries(Object.entries(definition).filter(([, value]) => value !== undefined));
  const settings = { ...queueDefaults, ...given } as QueueSettings;
  const { name } = settings;
  if (!NAME.test(name))
    throw new RangeError(
      `"${name}" is no name for a queue: up to 260 letters, digits and ._-/~, with a letter or digit first and last.`,
    );
  for (const [setting, [min, max]] of Object.entries(bounds)) {
    const value = settings[setting as keyof QueueSettings] as number;
    if (!(value >= min && value <= max))
      throw new RangeError(`${name}: ${setting} is ${value}; Service Bus takes ${min} to ${max}.`);
  }
  return settings;
}

/** Options of {@link startServiceBusServer}. */
export interface ServiceBusServerOptions {
  /** TCP port for AMQP and administration. 0 takes a free port. @default 0 */
  readonly port?: number | undefined;
  /** Address to listen on. Keep the loopback address: the server does not encrypt. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** Queues to create at the start. A queue that is in `dataDir` already is not changed. @default none */
  readonly queues?: readonly (string | QueueDefinition)[] | undefined;
  /** Directory in which queues and messages outlive the server, also if it is killed. @default none: in memory only */
  readonly dataDir?: string | undefined;
  /**
   * Largest message or batch, in bytes. Service Bus allows 256 KB in the Standard tier and up to 100 MB in Premium:
   * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-07-21).
   * @default 262144
   */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Shared access keys by name. A token that none of these keys has signed is refused.
   * @default none: any well-formed token is accepted
   */
  readonly keys?: Readonly<Record<string, string>> | undefined;
  /** Clock for locks, schedules and expiry. Tests use `FakeClock` of `queueport/testing`. @default the system clock */
  readonly clock?: Clock | undefined;
}
