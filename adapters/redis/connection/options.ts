import type { RedisClientType, RedisClusterType, RedisSentinelType } from "@redis/client";
import type { Clock, Duration } from "../../../src/driver/index.ts";

/**
 * A client of `@redis/client` that the application has: `createClient`, `createCluster` or `createSentinel`, with any
 * modules, scripts and version of RESP.
 */
export type InjectedClient =
  | Pick<RedisClientType<any, any, any, any, any>, "isOpen" | "sendCommand" | "duplicate">
  | Pick<RedisClusterType<any, any, any, any, any>, "isOpen" | "sendCommand" | "masters" | "nodeClient">
  | Pick<RedisSentinelType<any, any, any, any, any>, "isOpen" | "sendCommand" | "getMasterNode">;

/** How a server is reached. Give one of `url`, `cluster` and `client`. */
export interface ConnectionOptions {
  /**
   * The address of the server: `redis://user:password@host:6379/0`, or `rediss://` for TLS.
   * @default "redis://localhost:6379"
   */
  readonly url?: string | undefined;
  /** The addresses of some nodes of a cluster. The others are found. */
  readonly cluster?: readonly string[] | undefined;
  /**
   * A connected client to use instead of own connections. `close` leaves it open. A second connection with the same
   * options listens for new messages.
   */
  readonly client?: InjectedClient | undefined;
  /** The first part of every key and channel. @default "qp" */
  readonly prefix?: string | undefined;
  /**
   * The time limit of a command and of a connection, in milliseconds. A connection that does not answer in time is
   * destroyed.
   * @default 8000
   */
  readonly requestTimeoutMs?: Duration | undefined;
  /**
   * Whether a connection listens for new messages. Give `false` for a server or a proxy without `SUBSCRIBE`: new messages
   * are then found by polling.
   * @default true
   */
  readonly subscribe?: boolean | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

export const DEFAULT_URL = "redis://localhost:6379";
export const DEFAULT_PREFIX = "qp";
/** Shorter than the 10 s after which the core gives up a settlement or a count. */
export const DEFAULT_TIMEOUT_MS = 8_000;
