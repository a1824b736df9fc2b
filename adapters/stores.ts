import { z } from "zod";
import type { JobStore } from "../src/jobs/store/job-store.ts";
import type { Clock } from "../src/driver/index.ts";
import { sqlitePath } from "./config.ts";
import { load } from "./load.ts";
import type { Observation } from "./observation.ts";
import { type PostgresPlace, postgresPlace } from "./postgres/config.ts";
import { type RedisPlace, redisPlace } from "./redis/config.ts";

/** Records in the memory of the process: for tests, and for applications of one process. */
export interface MemoryStoreConfig {
  readonly memory: true;
}

/** Records in an SQLite file, which all processes of one machine can share. */
export interface SqliteStoreConfig {
  /** The path is relative to the configuration file, or to the working directory if there is no file. */
  readonly sqlite: string;
}

/** Records in a PostgreSQL database, which any number of machines can share. */
export interface PostgresStoreConfig {
  /** The URL of the database, such as `postgres://app@db.internal/app`, or the URL and the schema of the tables. */
  readonly postgres: string | PostgresPlace;
}

/** Records in Redis, which any number of machines can share. */
export interface RedisStoreConfig {
  /** The URL of the server, such as `redis://cache.internal:6379`, or the URL or the nodes of a cluster, and the prefix. */
  readonly redis: string | RedisPlace;
}

/** The store of a configuration. Its one key names the store. */
export type StoreConfig = MemoryStoreConfig | SqliteStoreConfig | PostgresStoreConfig | RedisStoreConfig;

type KeysOf<T> = T extends unknown ? keyof T : never;
/** The name of a store in a configuration. */
export type StoreName = KeysOf<StoreConfig>;
type ValueOf<Name extends StoreName> = Extract<StoreConfig, Record<Name, unknown>>[Name];

interface Row<Value, Adapter> {
  /** The packages that a user installs. */
  readonly packages: readonly string[];
  readonly schema: z.ZodType<Value>;
  /** Imports the store. The specifier of the `import()` is a literal, so that bundlers find it. */
  readonly adapter: () => Promise<Adapter>;
  readonly open: (adapter: Adapter, value: Value, clock: Clock | undefined) => JobStore;
  /** The statements that create its tables, for those who run them by hand. @default none */
  readonly sql?: ((value: Value) => Promise<string>) | undefined;
  /** Looks at the server of the store. Changes nothing. */
  readonly inspect?: ((value: Value) => Promise<readonly Observation[]>) | undefined;
}

interface StoreRow<Value> {
  readonly schema: z.ZodType<Value>;
  readonly open: (value: Value, clock: Clock | undefined) => Promise<JobStore>;
  readonly sql: ((value: Value) => Promise<string>) | undefined;
  readonly inspect: ((value: Value) => Promise<readonly Observation[]>) | undefined;
}

/**
 * The stores: one row each. The keys are those of `store` in a configuration. An application loads only the store that it
 * uses.
 * @internal
 */
const stores: { readonly [Name in StoreName]: StoreRow<ValueOf<Name>> } = {
  memory: row("memory", {
    packages: [],
    schema: z.literal(true),
    adapter: () => import("../src/jobs/store/memory-job-store.ts"),
    open: ({ memoryJobStore }, _true, clock) => memoryJobStore({ clock }),
  }),
  sqlite: row("sqlite", {
    packages: [],
    schema: sqlitePath,
    adapter: () => import("./sqlite/index.ts"),
    open: ({ sqliteJobStore }, path, clock) => sqliteJobStore({ path, clock }),
  }),
  postgres: row("postgres", {
    packages: ["pg"],
    schema: postgresPlace,
    adapter: () => import("./postgres/index.ts"),
    open: ({ postgresJobStore }, place, clock) => postgresJobStore({ ...placeOf(place), clock }),
    sql: async (place) => {
      const { postgresJobTables } = await load("postgres", ["pg"], () => import("./postgres/index.ts"));
      return postgresJobTables(placeOf(place));
    },
  }),
  redis: row("redis", {
    packages: ["@redis/client"],
    schema: redisPlace,
    adapter: () => import("./redis/index.ts"),
    open: ({ redisJobStore }, place, clock) => redisJobStore({ ...placeOf(place), clock }),
    inspect: async (place) => {
      const { inspectRedis } = await load("redis", ["@redis/client"], () => import("./redis/index.ts"));
      return inspectRedis(placeOf(place));
    },
  }),
};

/** The ways to write a store, for messages. */
export const storeExamples: string =
  '{ "sqlite": "jobs.db" }, { "postgres": "postgres://app@localhost/app" }, { "redis": "redis://localhost:6379" } or { "memory": true }';

const names = Object.keys(stores) as StoreName[];

/** @internal */
export const storeSchema: z.ZodType<StoreConfig> = z
  .strictObject(Object.fromEntries(names.map((name) => [name, stores[name].schema.optional()])))
  .refine((given) => Object.keys(given).length === 1, {
    error: `expected one store: ${storeExamples}`,
    abort: true,
  }) as unknown as z.ZodType<StoreConfig>;

/**
 * Opens the store of a configuration.
 * @throws QueueError `missing_dependency` if a package of the store is not installed
 */
export function openStore(config: StoreConfig, clock: Clock | undefined): Promise<JobStore> {
  const [[name, value]] = Object.entries(config) as [[StoreName, never]];
  return openRow(name, value, clock);
}

/** The statements that create the tables of the store of a configuration; undefined if it has none to print. */
export function storeSql(config: StoreConfig): Promise<string> | undefined {
  const [[name, value]] = Object.entries(config) as [[StoreName, never]];
  return stores[name].sql?.(value);
}

/** Looks at the server of the store of a configuration, for `queueport doctor`; undefined if there is nothing to see. */
export function inspectStore(config: StoreConfig): Promise<readonly Observation[]> | undefined {
  const [[name, value]] = Object.entries(config) as [[StoreName, never]];
  return stores[name].inspect?.(value);
}

function placeOf<Place extends object>(place: string | Place): Place | { readonly url: string } {
  return typeof place === "string" ? { url: place } : place;
}

/** Generic, so that the compiler sees that a row gets its own value. */
function openRow<Name extends StoreName>(
  name: Name,
  value: ValueOf<Name>,
  clock: Clock | undefined,
): Promise<JobStore> {
  return stores[name].open(value, clock);
}

function row<Value, Adapter>(name: StoreName, facts: Row<Value, Adapter>): StoreRow<Value> {
  const { packages, schema, adapter, open, sql, inspect } = facts;
  return {
    schema,
    sql,
    inspect,
    open: async (value, clock) => open(await load(name, packages, adapter), value, clock),
  };
}
