/**
 * Delay stores: databases in which delayed messages wait, instead of the provider's queues.
 *
 * @module
 */
export type { ClaimOptions, DelayStore, StoredMessage } from "../delay/store.ts";
export { sqliteDelayStore, type SqliteDelayStoreOptions } from "./sqlite.ts";
