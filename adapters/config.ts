import { z } from "zod";
import type { BackoffOptions } from "../src/backoff.ts";

/** What every provider's configuration may say beside what is its own. Times in milliseconds. */
export interface CommonConfig {
  /** How failed jobs are spaced, unless their definition or message says otherwise. */
  readonly backoff?: BackoffOptions | undefined;
  /** A send is settled after this long, one way or the other. @default 30000 */
  readonly sendDeadlineMs?: number | undefined;
  /**
   * Where delayed messages wait instead of in the provider's queues, so that they can be listed and cancelled: an
   * SQLite file, relative to the configuration file, or to the working directory where there is none.
   */
  readonly delayStore?: { readonly sqlite: string } | undefined;
}

/** Queues in this process: for tests, demonstrations and one-process services. */
export interface MemoryConfig extends CommonConfig {
  readonly provider: "memory";
  /** Messages that one queue holds. @default 10000 */
  readonly capacity?: number | undefined;
  /** Refuse queues that are not among `queues`, as a cloud does. @default false */
  readonly strict?: boolean | undefined;
  /** Take on the limits and traits of a cloud. */
  readonly emulate?: "sqs" | "pubsub" | "service-bus" | undefined;
  /** The queues that exist from the start. */
  readonly queues?: readonly string[] | undefined;
}

/** Amazon SQS. What is left out is found as the AWS SDK finds it: region, credentials, endpoint. */
export interface SqsConfig extends CommonConfig {
  readonly provider: "sqs";
  readonly region?: string | undefined;
  /** For local servers and VPC endpoints. */
  readonly endpoint?: string | undefined;
  /** @default the SDK's chain: environment, profile, container, instance */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
  /** Before the name of every queue that `queues` does not map. */
  readonly prefix?: string | undefined;
  /** Physical names or URLs by logical name. */
  readonly queues?: Readonly<Record<string, string>> | undefined;
  /** How long a poll waits for messages, 1 to 20 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** How long a request may take; a poll may take this long beyond its wait. @default 10000 */
  readonly requestTimeoutMs?: number | undefined;
  /** The KMS key that `ensure` has queues encrypted with. @default SQS's own keys, or what a queue has already */
  readonly kmsKeyId?: string | undefined;
}

/** Google Cloud Pub/Sub. What is left out is found as Google's library finds it: project, credentials. */
export interface PubsubConfig extends CommonConfig {
  readonly provider: "pubsub";
  readonly projectId?: string | undefined;
  /** `host:port` of an emulator; needs a `projectId`, any will do. */
  readonly emulatorHost?: string | undefined;
  /** A regional endpoint, such as `europe-west1-pubsub.googleapis.com`. */
  readonly apiEndpoint?: string | undefined;
  readonly credentials?: { readonly client_email: string; readonly private_key: string } | undefined;
  /** A file of credentials. */
  readonly keyFilename?: string | undefined;
  /** Before the name of every queue that `queues` does not map. */
  readonly prefix?: string | undefined;
  /** By logical name: the name of topic and subscription, or both, where several subscriptions share a topic. */
  readonly queues?:
    | Readonly<Record<string, string | { readonly topic: string; readonly subscription: string }>>
    | undefined;
  /** How long a pull waits for messages, 1 to 60 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** Whether subscriptions are created with exactly-once delivery. @default false */
  readonly exactlyOnce?: boolean | undefined;
  /** Whether counts are read from Cloud Monitoring, minutes late. @default false */
  readonly monitoring?: boolean | undefined;
}

/** Azure Service Bus: by a connection string, or a namespace with the credentials that Azure's library finds. */
export interface ServiceBusConfig extends CommonConfig {
  readonly provider: "service-bus";
  readonly connectionString?: string | undefined;
  /** `<name>.servicebus.windows.net`, where there is no connection string; needs `@azure/identity`. */
  readonly namespace?: string | undefined;
  /** For an emulator whose administration port is another. @default connectionString */
  readonly adminConnectionString?: string | undefined;
  /** Before the name of every queue that `queues` does not give. */
  readonly prefix?: string | undefined;
  /** By logical name: the queue's name, or what is known of it, where the service may not be asked. */
  readonly queues?: Readonly<Record<string, string | ServiceBusQueueConfig>> | undefined;
  /** The largest message: 262144 in the Standard tier, more in Premium. @default 262144 */
  readonly maxMessageBytes?: number | undefined;
}

/** What is known of one queue beforehand. */
export interface ServiceBusQueueConfig {
  readonly name?: string | undefined;
  /** Whether it requires sessions. @default false */
  readonly sessions?: boolean | undefined;
  /** Its duplicate detection window. @default 0 */
  readonly dedupWindowMs?: number | undefined;
  /** Its lock duration. @default 30000 */
  readonly lockMs?: number | undefined;
  /** Its max delivery count. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
}

/** Everything that `openQueue` takes, told apart by `provider`. It is data: it may stand in a JSON file. */
export type QueueConfig = MemoryConfig | SqsConfig | PubsubConfig | ServiceBusConfig;

/**
 * Fields of a schema of `T`: none forgotten, none invented, each of the field's type.
 * @internal
 */
type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

/**
 * The backoff in any configuration, the worker's included.
 * @internal
 */
export const backoffSchema: z.ZodType<BackoffOptions> = z.strictObject({
  baseMs: z.number().min(0).optional(),
  factor: z.number().min(1).optional(),
  capMs: z.number().min(0).optional(),
  jitter: z.boolean().optional(),
});

const common: Fields<CommonConfig> = {
  backoff: backoffSchema.optional(),
  sendDeadlineMs: z.number().positive().optional(),
  delayStore: z.strictObject({ sqlite: z.string().min(1) }).optional(),
};

/** @internal */
export const memorySchema: z.ZodType<MemoryConfig> = z.strictObject({
  ...common,
  provider: z.literal("memory"),
  capacity: z.int().min(1).optional(),
  strict: z.boolean().optional(),
  emulate: z.enum(["sqs", "pubsub", "service-bus"]).optional(),
  queues: z.array(z.string().min(1)).optional(),
} satisfies Fields<MemoryConfig>);

/** @internal */
export const sqsSchema: z.ZodType<SqsConfig> = z.strictObject({
  ...common,
  provider: z.literal("sqs"),
  region: z.string().min(1).optional(),
  endpoint: z
    .url({ protocol: /^https?$/, error: "expected a URL that begins with http:// or https://" })
    .optional(),
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1),
      secretAccessKey: z.string().min(1),
      sessionToken: z.string().min(1).optional(),
    })
    .optional(),
  prefix: z.string().optional(),
  queues: z.record(z.string().min(1), z.string().min(1)).optional(),
  waitSeconds: z.number().min(1).max(20).optional(),
  requestTimeoutMs: z.number().positive().optional(),
  kmsKeyId: z.string().min(1).optional(),
} satisfies Fields<SqsConfig>);

/** @internal */
export const pubsubSchema: z.ZodType<PubsubConfig> = z.strictObject({
  ...common,
  provider: z.literal("pubsub"),
  projectId: z.string().min(1).optional(),
  emulatorHost: z.string().min(1).optional(),
  apiEndpoint: z.string().min(1).optional(),
  credentials: z.strictObject({ client_email: z.string().min(1), private_key: z.string().min(1) }).optional(),
  keyFilename: z.string().min(1).optional(),
  prefix: z.string().optional(),
  queues: z
    .record(
      z.string().min(1),
      z.union(
        [z.string().min(1), z.strictObject({ topic: z.string().min(1), subscription: z.string().min(1) })],
        { error: "expected a name, or an object with topic and subscription" },
      ),
    )
    .optional(),
  waitSeconds: z.number().min(1).max(60).optional(),
  exactlyOnce: z.boolean().optional(),
  monitoring: z.boolean().optional(),
} satisfies Fields<PubsubConfig>);

const serviceBusQueue: z.ZodType<ServiceBusQueueConfig> = z.strictObject({
  name: z.string().min(1).optional(),
  sessions: z.boolean().optional(),
  dedupWindowMs: z.number().min(0).optional(),
  lockMs: z.number().positive().max(300_000).optional(),
  maxDeliveryCount: z.int().min(1).max(2_000).optional(),
} satisfies Fields<ServiceBusQueueConfig>);

/** @internal */
export const serviceBusSchema: z.ZodType<ServiceBusConfig> = z.strictObject({
  ...common,
  provider: z.literal("service-bus"),
  connectionString: z.string().min(1).optional(),
  namespace: z.string().min(1).optional(),
  adminConnectionString: z.string().min(1).optional(),
  prefix: z.string().optional(),
  queues: z
    .record(
      z.string().min(1),
      z.union([z.string().min(1), serviceBusQueue], {
        error: "expected a name, or an object with what is known of the queue",
      }),
    )
    .optional(),
  maxMessageBytes: z.int().positive().optional(),
} satisfies Fields<ServiceBusConfig>);
