import { z } from "zod";
import type { Duration } from "../../src/driver/index.ts";
import { type CommonConfig, commonFields, durationField, type Fields } from "../config.ts";

/** Redis 6.2 or later, or Valkey. */
export interface RedisConfig extends CommonConfig {
  readonly provider: "redis";
  /** The address of the server: `redis://user:password@host:6379/0`, or `rediss://` for TLS. @default "redis://localhost:6379" */
  readonly url?: string | undefined;
  /** The addresses of some nodes of a cluster, in place of `url`. */
  readonly cluster?: readonly string[] | undefined;
  /** The first part of every key and channel. @default "qp" */
  readonly prefix?: string | undefined;
  /** The time limit of a command, in milliseconds. @default 8000 */
  readonly requestTimeoutMs?: Duration | undefined;
  /** Whether a connection listens for new messages; without, they are found by polling. @default true */
  readonly subscribe?: boolean | undefined;
  /** The time in which a repeated `dedupId` is absorbed. @default 0 */
  readonly dedupWindowMs?: Duration | undefined;
  /** The bytes of the largest message. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /** The replicas that must have each send, and the longest wait for them. @default none */
  readonly wait?: { readonly replicas: number; readonly timeoutMs?: Duration | undefined } | undefined;
}

const ADDRESS = z
  .string()
  .refine((url) => /^rediss?:\/\//.test(url), "expected a URL that begins with redis:// or rediss://");

/** @internal */
export const redisSchema: z.ZodType<RedisConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("redis"),
  url: ADDRESS.optional(),
  cluster: z.array(ADDRESS).min(1).optional(),
  prefix: z
    .string()
    .regex(/^[\w.:-]{1,100}$/, "expected up to 100 letters, digits, points, dashes, underscores and colons")
    .optional(),
  requestTimeoutMs: durationField(),
  subscribe: z.boolean().optional(),
  dedupWindowMs: durationField({ least: 0 }),
  maxMessageBytes: z
    .int()
    .min(1)
    .max(64 * 1_048_576)
    .optional(),
  wait: z
    .strictObject({
      replicas: z.int().min(1).max(100),
      timeoutMs: durationField({ least: 1, most: 5_000 }),
    })
    .optional(),
} satisfies Fields<RedisConfig>);
