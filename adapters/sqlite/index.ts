/**
 * A job store in an SQLite file: for services on one machine, without a server.
 * @module
 */
export { sqliteJobStore, type SqliteJobStoreOptions } from "./job-store/sqlite-job-store.ts";
