import { z } from "zod";

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

const address = z
  .string()
  .refine((url) => /^rediss?:\/\//.test(url), "expected a URL that begins with redis:// or rediss://");
const prefix = z
  .string()
  .regex(/^[\w.:-]{1,100}$/, "expected up to 100 letters, digits, points, dashes, underscores and colons");

/** The server of a job store: its URL, or an object. @internal */
export const redisPlace: z.ZodType<string | RedisPlace> = z.union(
  [
    address,
    z.strictObject({ url: address, prefix: prefix.optional() }),
    z.strictObject({ cluster: z.array(address).min(1), prefix: prefix.optional() }),
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
