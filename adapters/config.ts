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

/** Everything that `openQueue` takes, told apart by `provider`. It is data: it may stand in a JSON file. */
export type QueueConfig = MemoryConfig;

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
