import type { Limits } from "../../src/driver/index.ts";

const NO_LIMIT: number = Number.POSITIVE_INFINITY;
const MIB = 1_048_576;

/** The limits of queues in an SQLite file. The file decides little of them, so all are chosen. */
export const sqliteLimits: Limits = {
  // Chosen: a transaction of this size takes some milliseconds, for which the event loop stands still.
  maxBatch: 500,
  // Chosen: as `maxBatch`.
  maxBatchBytes: 16 * MIB,
  // Chosen: a table of queues is no store for files. The option `maxMessageBytes` changes it.
  maxMessageBytes: MIB,
  // Chosen: all attributes are one JSON value.
  maxAttributes: NO_LIMIT,
  // Chosen: as `maxAttributes`; the size of the message bounds them.
  maxAttributeBytes: NO_LIMIT,
  // Chosen: a delayed message waits in the table, for any time.
  nativeDelayMs: NO_LIMIT,
  // Chosen: as `maxBatch`.
  maxReceive: 500,
  // Chosen: one claim finds all ready messages, so a second one would find none.
  maxPolls: 1,
  // Chosen: the wait is a timer of this process, and ends when the receiver stops.
  longPollMs: 30_000,
  // Chosen: as `maxBatch`.
  maxSettleBatch: 500,
  // Chosen: as `nativeDelayMs`.
  maxReleaseDelayMs: NO_LIMIT,
  // Chosen: as `nativeDelayMs`. The delay queue is a queue like any other.
  maxHopMs: NO_LIMIT,
  // Chosen: the end of a lease is a time in the row of its message.
  maxLeaseMs: NO_LIMIT,
  // Chosen: as `maxLeaseMs`.
  maxTotalLeaseMs: NO_LIMIT,
  // Chosen: as `maxLeaseMs`.
  maxInFlight: NO_LIMIT,
  // Chosen: messages stay until they are acknowledged.
  retentionMs: NO_LIMIT,
  // Chosen: a delayed message is a row, which is deleted.
  cancel: true,
  // Chosen: a queue is a row, which the first message writes.
  createsQueues: true,
  // Chosen: a send is a statement, which the transaction of the user can contain.
  transactional: true,
};
