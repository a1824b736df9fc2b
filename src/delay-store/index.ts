/**
 * Delayed messages in a database instead of in the provider's queues.
 * @module
 */
export type { ClaimOptions, DelayStore, StoredMessage } from "../delay/store.ts";
export { sqliteDelayStore, type SqliteDelayStoreOptions } from "./sqlite.ts";
