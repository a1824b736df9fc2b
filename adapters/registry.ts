import type { z } from "zod";
import type { Clock, Driver } from "../src/driver/index.ts";
import { type CommonConfig, commonFields } from "./config.ts";
import { load } from "./load.ts";
import { type MemoryConfig, memorySchema } from "./memory/config.ts";
import { type PostgresConfig, postgresSchema } from "./postgres/config.ts";
import { type PubsubConfig, pubsubSchema } from "./pubsub/config.ts";
import type { Observation } from "./observation.ts";
import { type RedisConfig, redisSchema } from "./redis/config.ts";
import { type ServiceBusConfig, serviceBusSchema } from "./service-bus/config.ts";
import { DEFAULT_PATH, type SqliteConfig, sqliteSchema } from "./sqlite/config.ts";
import { type SqsConfig, sqsSchema } from "./sqs/config.ts";

/** The configuration that `openQueue` accepts. `provider` selects the member. It is data: a JSON file can hold it. */
export type QueueConfig =
  | MemoryConfig
  | SqliteConfig
  | SqsConfig
  | PubsubConfig
  | ServiceBusConfig
  | PostgresConfig
  | RedisConfig;

export type ProviderName = QueueConfig["provider"];

/** The configuration of one provider. */
export type ConfigOf<P extends ProviderName> = Extract<QueueConfig, { provider: P }>;

/**
 * The facts about one provider that are needed outside of its folder.
 * @internal
 */
export interface Provider<Config extends QueueConfig = QueueConfig> {
  /** The provider's name in tables and prose. */
  readonly label: string;
  /** The provider's page, relative to the repository. */
  readonly page: string;
  /** The packages that a user installs, with a version if not every version works: `@scope/name@^3`. */
  readonly packages: readonly string[];
  /** Further packages, which only some of the provider's options need. */
  readonly optionalPackages?: readonly string[] | undefined;
  /** A limit of the proof of order by key on the provider's local server, for the table of abilities. */
  readonly orderCaveat?: string | undefined;
  readonly schema: z.ZodType<Config>;
  /**
   * Loads the adapter and opens a driver with it.
   * @throws QueueError `missing_dependency` if one of `packages` is not installed
   */
  open(config: Config, clock: Clock | undefined): Promise<Driver>;
  /** Looks at the server or the file of the queues, for `queueport doctor`. Changes nothing. */
  inspect?(config: Config): Promise<readonly Observation[]>;
  /** The tables of the provider's queues, for `queueport migrate`; undefined if it has none. */
  readonly tables?: Tables<Config> | undefined;
}

/** The tables of a provider whose queues are in a database. */
interface Tables<Config> {
  /**
   * Creates the tables, or brings them to the version of this program.
   * @throws DriverError if the database cannot be reached, or its schema is newer
   */
  migrate(config: Config): Promise<{ readonly from: number; readonly to: number }>;
  /** The statements that create the tables. */
  sql(config: Config): Promise<string>;
}

/** The options of the adapter in a configuration, without the options that every provider has. */
type OwnOptions<Config> = Omit<Config, keyof CommonConfig | "provider">;

interface Row<Config extends QueueConfig, Adapter> extends Omit<
  Provider<Config>,
  "open" | "inspect" | "tables"
> {
  /** Imports the part of the adapter that looks at its server. */
  readonly inspector?: () => Promise<{
    readonly inspect: (own: OwnOptions<Config>) => Promise<readonly Observation[]>;
  }>;
  /** Imports the part of the adapter that creates its tables. */
  readonly migrator?: (() => Promise<Migrator<Config>>) | undefined;
  /** Imports the adapter. The specifier of the `import()` is a literal, so that bundlers find it. */
  readonly adapter: () => Promise<Adapter>;
  readonly open: (
    adapter: Adapter,
    own: OwnOptions<Config>,
    clock: Clock | undefined,
  ) => Driver | Promise<Driver>;
}

/** The part of an adapter that creates its tables. */
interface Migrator<Config> {
  migrate(this: void, own: OwnOptions<Config>): ReturnType<Tables<Config>["migrate"]>;
  migrationText(this: void, own: OwnOptions<Config>): string;
}

/**
 * The providers: one row each. The keys are the values of `provider` in a configuration, the folders in `adapters/` and
 * the sub-paths of the package. An application loads, and has to install, only the SDK of the provider that it uses.
 * @internal
 */
export const providers: { readonly [P in ProviderName]: Provider<ConfigOf<P>> } = {
  memory: row({
    label: "memory",
    page: "docs/providers/memory.md",
    packages: [],
    schema: memorySchema,
    adapter: () => import("./memory/index.ts"),
    open: ({ memory }, options, clock) => memory({ ...options, clock }),
  }),
  sqlite: row({
    label: "SQLite",
    page: "docs/providers/sqlite.md",
    packages: [],
    schema: sqliteSchema,
    adapter: () => import("./sqlite/index.ts"),
    open: ({ sqlite }, { path = DEFAULT_PATH, ...config }, clock) => sqlite({ path, ...config, clock }),
    inspector: () => import("./sqlite/inspect.ts"),
  }),
  sqs: row({
    label: "Amazon SQS",
    page: "docs/providers/sqs.md",
    packages: ["@aws-sdk/client-sqs"],
    schema: sqsSchema,
    adapter: () => import("./sqs/index.ts"),
    open: ({ sqs }, config, clock) => sqs({ ...config, credentials: config.credentials as never, clock }),
  }),
  pubsub: row({
    label: "Google Pub/Sub",
    page: "docs/providers/pubsub.md",
    // 6.3.2 depends on a version of its own API package that was never published.
    packages: ["@google-cloud/pubsub@6.3.0"],
    optionalPackages: ["@google-cloud/monitoring"],
    orderCaveat: "after a failure not shown",
    schema: pubsubSchema,
    adapter: () => import("./pubsub/index.ts"),
    open: ({ pubsub }, config, clock) => pubsub({ ...config, clock }),
  }),
  "service-bus": row({
    label: "Azure Service Bus",
    page: "docs/providers/service-bus.md",
    packages: ["@azure/service-bus"],
    optionalPackages: ["@azure/identity"],
    schema: serviceBusSchema,
    adapter: () => import("./service-bus/index.ts"),
    async open({ serviceBus }, { maxMessageBytes, ...config }, clock) {
      const limits = maxMessageBytes === undefined ? {} : { maxMessageBytes, maxBatchBytes: maxMessageBytes };
      if (config.connectionString !== undefined || config.namespace === undefined)
        return serviceBus({ ...config, limits, clock });
      const { azureCredential } = await load(
        "service-bus",
        ["@azure/service-bus", "@azure/identity"],
        () => import("./service-bus/credential.ts"),
      );
      return serviceBus({ ...config, limits, clock, credential: azureCredential() });
    },
  }),
  postgres: row({
    label: "PostgreSQL",
    page: "docs/providers/postgres.md",
    packages: ["pg"],
    schema: postgresSchema,
    adapter: () => import("./postgres/index.ts"),
    open: ({ postgres }, config, clock) => postgres({ ...config, clock }),
    // All by one module: bundlers accept a missing package of one that is imported lazily, and of nothing behind it.
    inspector: async () => ({ inspect: (await import("./postgres/index.ts")).inspectPostgres }),
    async migrator() {
      const { migratePostgres, postgresTables } = await import("./postgres/index.ts");
      return { migrate: migratePostgres, migrationText: postgresTables };
    },
  }),
  redis: row({
    label: "Redis",
    page: "docs/providers/redis.md",
    packages: ["@redis/client"],
    schema: redisSchema,
    adapter: () => import("./redis/index.ts"),
    open: ({ redis }, config, clock) => redis({ ...config, clock }),
    inspector: async () => ({ inspect: (await import("./redis/index.ts")).inspectRedis }),
  }),
};

/** Completes a row: its driver is opened by the adapter, which is loaded on first use. */
function row<Config extends QueueConfig, Adapter>({
  adapter,
  open,
  inspector,
  migrator,
  ...facts
}: Row<Config, Adapter>): Provider<Config> {
  return {
    ...facts,
    ...(inspector !== undefined && {
      inspect: async (config: Config) => {
        const { inspect } = await load(config.provider, facts.packages, inspector);
        return inspect(ownOptions(config));
      },
    }),
    open: async (config, clock) =>
      open(await load(config.provider, facts.packages, adapter), ownOptions(config), clock),
    ...(migrator === undefined ? {} : { tables: tablesOf(facts.packages, migrator) }),
  };
}

function tablesOf<Config extends QueueConfig>(
  packages: readonly string[],
  migrator: () => Promise<Migrator<Config>>,
): Tables<Config> {
  const loaded = (config: Config): Promise<Migrator<Config>> => load(config.provider, packages, migrator);
  return {
    migrate: async (config) => (await loaded(config)).migrate(ownOptions(config)),
    sql: async (config) => (await loaded(config)).migrationText(ownOptions(config)),
  };
}

function ownOptions<Config extends QueueConfig>(config: Config): OwnOptions<Config> {
  const isOwn = (key: string): boolean => key !== "provider" && !Object.hasOwn(commonFields, key);
  return Object.fromEntries(Object.entries(config).filter(([key]) => isOwn(key))) as OwnOptions<Config>;
}

/**
 * Looks at the server or the file of a configuration. Undefined if the adapter has nothing to look at.
 * @internal
 */
export async function inspectProvider(config: QueueConfig): Promise<readonly Observation[] | undefined> {
  return inspectRow(config.provider, config);
}

/** Generic, so that the compiler sees that a provider's row gets that provider's configuration. */
function inspectRow<P extends ProviderName>(
  provider: P,
  config: ConfigOf<P>,
): Promise<readonly Observation[]> | undefined {
  return providers[provider].inspect?.(config);
}
