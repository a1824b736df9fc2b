import type { Limits } from "../../src/driver/index.ts";

const NO_LIMIT: number = Number.POSITIVE_INFINITY;
const MIB = 1_048_576;

/**
 * The limits of queues in Postgres. Few are the server's: a value may have a gigabyte, and a time may be in the year 294276
 * (https://www.postgresql.org/docs/current/limits.html, 2026-11).
 */
export const postgresLimits: Limits = {
  // Chosen: the messages of one tick share a statement, and a thousand take a few milliseconds.
  maxBatch: 1_000,
  // Chosen: a statement of more holds its connection, and the memory of the server, for too long.
  maxBatchBytes: 8 * MIB,
  // Chosen: as SQS, so that a queue can move. The option `maxMessageBytes` changes it.
  maxMessageBytes: MIB,
  // Chosen: attributes are one value, and count towards the size of the message.
  maxAttributes: NO_LIMIT,
  // Chosen: as `maxAttributes`.
  maxAttributeBytes: NO_LIMIT,
  // Chosen: the due time is a column; every time that JavaScript knows fits in it:
  // https://www.postgresql.org/docs/current/datatype-datetime.html (2026-11)
  nativeDelayMs: NO_LIMIT,
  // Chosen: as many as a statement leases in a few milliseconds.
  maxReceive: 500,
  // Chosen: while one claim is under way, a second one fetches for the handlers that became free.
  maxPolls: 2,
  // Chosen: the wait is in this process, and costs one claim a second.
  longPollMs: 20_000,
  // Chosen: as `maxBatch`.
  maxSettleBatch: 1_000,
  // Chosen: settlements share a statement while one is under way.
  settleLingerMs: 0,
  // Chosen: as `nativeDelayMs`.
  maxReleaseDelayMs: NO_LIMIT,
  // Chosen: as `nativeDelayMs`.
  maxHopMs: NO_LIMIT,
  // Chosen: the end of a lease is a column, as the due time.
  maxLeaseMs: NO_LIMIT,
  // Chosen: as `maxLeaseMs`.
  maxTotalLeaseMs: NO_LIMIT,
  // Chosen: a message in flight costs no more than one that waits.
  maxInFlight: NO_LIMIT,
  // Chosen: messages stay until they are acknowledged.
  retentionMs: NO_LIMIT,
  // Chosen: a delayed message is a row, which is deleted.
  cancel: true,
  // Chosen: a send adds the row of its queue. The tables themselves are made by `queueport migrate`.
  createsQueues: true,
  // Chosen: a send can run on the client of the caller, within its transaction.
  transactional: true,
};

/** Chosen: any text that Postgres can hold; a name is part of a notification, which has room for 8,000 bytes. */
export const QUEUE_NAME: RegExp = /^[^\p{Surrogate}\0]{1,200}$/u;
/** Chosen: the same rule in words. */
export const QUEUE_NAME_RULE = "Postgres takes 1 to 200 characters, of which none is NUL";

/** Chosen: an index holds a third of a page: https://www.postgresql.org/docs/current/btree.html (2026-11). */
export const MAX_KEY_BYTES = 1_000;

/** Chosen: the pauses between two looks at an idle queue, for messages of which no notification was heard. */
export const FLOOR_MS: { readonly from: number; readonly to: number } = { from: 100, to: 1_000 };
