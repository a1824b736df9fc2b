import { z } from "zod";
import type { BackoffOptions } from "../src/backoff.ts";

/** What every provider's configuration may say beside what is its own. Times in milliseconds. */
export interface CommonConfig {
  /** How failed jobs are spaced, unless their definition or message says otherwise. */
  readonly backoff?: BackoffOptions | undefined;
  /** A send is settled after this long, one way or the other. @default 30000 */
  readonly sendDeadlineMs?: number | undefined;
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
}

/** Everything that `openQueue` takes, told apart by `provider`. It is data: it may stand in a JSON file. */
export type QueueConfig = MemoryConfig | SqsConfig;

/** Fields of a schema of `T`: none forgotten, none invented, each of the field's type. */
type Fields<T> = { readonly [K in keyof Required<T>]: z.ZodType<T[K]> };

/** As it may stand in any configuration, the worker's included. */
export const backoffSchema: z.ZodType<BackoffOptions> = z.strictObject({
  baseMs: z.number().min(0).optional(),
  factor: z.number().min(1).optional(),
  capMs: z.number().min(0).optional(),
  jitter: z.boolean().optional(),
}) as z.ZodType<BackoffOptions>;

const common: Fields<CommonConfig> = {
  backoff: backoffSchema.optional(),
  sendDeadlineMs: z.number().positive().optional(),
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
  endpoint: z.url().optional(),
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
} satisfies Fields<SqsConfig>);
