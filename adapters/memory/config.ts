import { z } from "zod";
import { type CommonConfig, commonFields, type Fields } from "../config.ts";

/** Queues in this process: for tests, demonstrations and services of one process. */
export interface MemoryConfig extends CommonConfig {
  readonly provider: "memory";
  /** The largest number of messages that one queue holds. @default 10000 */
  readonly capacity?: number | undefined;
  /** Whether a queue that is not in `queues` is refused, as a cloud refuses it. @default false */
  readonly strict?: boolean | undefined;
  /** The cloud whose limits and traits the queues have. @default none */
  readonly emulate?: "sqs" | "pubsub" | "service-bus" | undefined;
  /** The queues that exist from the start. @default none */
  readonly queues?: readonly string[] | undefined;
}

/** @internal */
export const memorySchema: z.ZodType<MemoryConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("memory"),
  capacity: z.int().min(1).optional(),
  strict: z.boolean().optional(),
  emulate: z.enum(["sqs", "pubsub", "service-bus"]).optional(),
  queues: z.array(z.string().min(1)).optional(),
} satisfies Fields<MemoryConfig>);
