import type { Clock } from "../../src/lib/clock.ts";

/** One queue, in the service's own terms. Times in milliseconds. */
export interface QueueDefinition {
  readonly name: string;
  /** Messages are received a session at a time, each session by one receiver. @default false */
  readonly requiresSession?: boolean | undefined;
  /** How long a message, or a session, is locked for its receiver. @default 60000 */
  readonly lockDurationMs?: number | undefined;
  /** Failed deliveries after which the message moves to the dead-letter sub-queue. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
  /** How long a repeated message id is dropped; 0 turns duplicate detection off. @default 0 */
  readonly duplicateDetectionWindowMs?: number | undefined;
  /** How long a message is kept that says nothing of it. @default Infinity */
  readonly timeToLiveMs?: number | undefined;
  /** Whether messages that expire become dead letters. @default false */
  readonly deadLetterOnExpiration?: boolean | undefined;
  /** What its messages may have together; beyond it, sends are refused. @default 1024 */
  readonly maxSizeMegabytes?: number | undefined;
}

/** A queue's definition with nothing left open. */
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

/** The service's own bounds. Locks may be shorter here than its 5 s, so that tests need not wait for them. */
const bounds: Readonly<Record<string, readonly [least: number, most: number]>> = {
  lockDurationMs: [1, 300_000],
  maxDeliveryCount: [1, 2_000],
  duplicateDetectionWindowMs: [0, 604_800_000],
  timeToLiveMs: [1, Number.POSITIVE_INFINITY],
  maxSizeMegabytes: [1, 81_920],
};
const NAME = /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./~]{0,258}[A-Za-z0-9_]$/;

/** @throws RangeError where the service would not have such a queue */
export function settingsOf(queue: string | QueueDefinition): QueueSettings {
  const given = typeof queue === "string" ? { name: queue } : queue;
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings = { ...queueDefaults, ...said } as QueueSettings;
  const { name } = settings;
  if (!NAME.test(name))
    throw new RangeError(
      `"${name}" is no name for a queue: up to 260 letters, digits and ._-/~, with a letter or digit first and last.`,
    );
  for (const [what, [least, most]] of Object.entries(bounds)) {
    const value = settings[what as keyof QueueSettings] as number;
    if (!(value >= least && value <= most))
      throw new RangeError(`${name}: ${what} is ${value}; Service Bus takes ${least} to ${most}.`);
  }
  return settings;
}

/** How the server is to be started. */
export interface ServiceBusServerOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number | undefined;
  /** The server knows no passwords: leave it on the loopback interface. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** Queues to be there from the start; those that are there already stay as they are. */
  readonly queues?: readonly (string | QueueDefinition)[] | undefined;
  /** A directory in which messages outlive the server, killed or stopped. @default none: they are in memory only */
  readonly dataDir?: string | undefined;
  /** The largest message, or batch: 256 KiB in the Standard tier, up to 100 MiB in Premium. @default 262144 */
  readonly maxMessageBytes?: number | undefined;
  /** Shared access keys by their names; tokens that are signed by none of these are refused. @default any token of the right form is taken */
  readonly keys?: Readonly<Record<string, string>> | undefined;
  /** For locks, schedules and expiry; tests turn `FakeClock` of `queueport/testing`. @default the machine's clock */
  readonly clock?: Clock | undefined;
}
