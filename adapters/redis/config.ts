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
const PREFIX = z
  .string()
  .regex(/^[\w.:-]{1,100}$/, "expected up to 100 letters, digits, points, dashes, underscores and colons");

/** @internal */
export const redisSchema: z.ZodType<RedisConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("redis"),
  url: ADDRESS.optional(),
  cluster: z.array(ADDRESS).min(1).optional(),
  prefix: PREFIX.optional(),
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

/** A server in which a job store keeps its records. */
export interface RedisPlace {
  /** The address of the server: `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url?: string | undefined;
  /** The addresses of some nodes of a cluster, in place of `url`. */
  readonly cluster?: readonly string[] | undefined;
  /** The first part of every key and channel. @default "qp" */
  readonly prefix?: string | undefined;
}

/** A server as other job systems name it. */
export interface RedisAddress {
  /** Host and port, such as `localhost:6379`. */
  readonly addr: string;
  /** @default none */
  readonly username?: string | undefined;
  /** An empty text is none. @default none */
  readonly password?: string | undefined;
  /** The number of the database. @default 0 */
  readonly db?: number | undefined;
}

/** The server of a job store: its URL, or an object. @internal */
export const redisPlace: z.ZodType<string | RedisPlace> = z.union(
  [
    ADDRESS,
    z.strictObject({ url: ADDRESS, prefix: PREFIX.optional() }),
    z.strictObject({ cluster: z.array(ADDRESS).min(1), prefix: PREFIX.optional() }),
  ],
  { error: "expected a URL that begins with redis:// or rediss://, or an object with url or cluster" },
);

/** @internal */
export const redisAddress: z.ZodType<RedisAddress> = z.strictObject({
  addr: z.string().regex(/^[^\s/@]+:\d{1,5}$/, 'expected a host and a port such as "localhost:6379"'),
  username: z.string().optional(),
  password: z.string().optional(),
  db: z.int().min(0).optional(),
});

/** The URL of an address. */
export function urlOf({ addr, username = "", password = "", db = 0 }: RedisAddress): string {
  const secret = password === "" ? "" : `:${encodeURIComponent(password)}`;
  const user = username === "" && secret === "" ? "" : `${encodeURIComponent(username)}${secret}@`;
  return `redis://${user}${addr}/${db}`;
}
