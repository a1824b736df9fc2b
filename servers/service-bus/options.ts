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
};

export function settingsOf(queue: string | QueueDefinition): QueueSettings {
  const given = typeof queue === "string" ? { name: queue } : queue;
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...queueDefaults, ...said } as QueueSettings;
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
}
