/**
 * Queues and a job store in SQLite files: for services on one machine, without a server. Both may be in one file.
 * @module
 */
export { sqlite, type SqliteOptions } from "./driver.ts";
export { sqliteJobStore, type SqliteJobStoreOptions } from "./job-store/sqlite-job-store.ts";
export type { SqliteDatabase, SqliteStatement, SqliteValue } from "./queue/database.ts";
