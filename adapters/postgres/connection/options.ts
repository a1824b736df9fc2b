import type { Clock, Duration } from "../../../src/driver/index.ts";
import type { PostgresExecutor } from "./executor.ts";

/** The database, and how it is connected to. `pg` finds the settings that are left out in the variables `PGHOST`, … */
export interface ConnectionOptions {
  /** The URL of the database, such as `postgres://app@db.internal/app?sslmode=verify-full`. @default `PGHOST`, `PGUSER`, … */
  readonly url?: string | undefined;
  /**
   * A pool or a client to use instead of own connections. `close` leaves it open. A `Pool` of `pg` is used as it is meant
   * to be; anything else with `query` runs one statement at a time, or as many as it likes.
   */
  readonly client?: PostgresExecutor | undefined;
  /** The schema of the tables. @default "queueport" */
  readonly schema?: string | undefined;
  /**
   * The most connections for sends and claims. One more settles, and one more listens while a queue is received.
   * @default 4
   */
  readonly poolSize?: number | undefined;
  /** The time limit of a statement, in milliseconds; that of a connection as well. @default 8000 */
  readonly requestTimeoutMs?: Duration | undefined;
  /**
   * Whether `LISTEN` is used to hear of new messages. Behind a pooler that shares connections between transactions, give
   * the URL of the server itself, or `false` to poll.
   * @default true
   */
  readonly listen?: boolean | { readonly url: string } | undefined;
  /**
   * Called once for a condition that costs speed and no message, such as a pooler before `LISTEN`.
   * @default `process.emitWarning`
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

export const DEFAULT_SCHEMA = "queueport";
export const DEFAULT_POOL_SIZE = 4;
/** Shorter than the 10 s after which the core gives up a settlement or a count. */
export const DEFAULT_TIMEOUT_MS = 8_000;
