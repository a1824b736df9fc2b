import type { Limits } from "../../src/driver/index.ts";
import { sqlLimits } from "../sql/queue/limits.ts";

/** The limits of queues in an SQLite file. */
export const sqliteLimits: Limits = {
  ...sqlLimits,
  // Chosen: a transaction of this size takes some milliseconds, for which the event loop stands still.
  maxBatch: 500,
  // Chosen: as `maxBatch`.
  maxReceive: 500,
  // Chosen: as `maxBatch`.
  maxSettleBatch: 500,
};
