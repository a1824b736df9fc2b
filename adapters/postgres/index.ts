/**
 * The adapter for PostgreSQL: queues in tables, and sends within the transactions of an application.
 * @module
 */
export type { PostgresExecutor } from "./connection/executor.ts";
export { postgres, type PostgresOptions } from "./driver.ts";
export { inspect as inspectPostgres } from "./inspect.ts";
export {
  jobsMigrationText as postgresJobTables,
  migrate as migratePostgres,
  migrationText as postgresTables,
} from "./migrator.ts";
export { postgresJobStore, type PostgresJobStoreOptions } from "./job-store/postgres-job-store.ts";
export {
  type DrizzleSql,
  type DrizzleTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPostgresJs,
  fromPrisma,
  type KnexTransaction,
  type KyselyCompiledQuery,
  type KyselyTransaction,
  type PostgresJsTransaction,
  type PrismaTransaction,
} from "./transactions.ts";
