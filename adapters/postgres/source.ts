import { type Clock, type OpenOptions, type WakingSource, wakingSource } from "../../src/driver/index.ts";
import { deliveryOf, type MessageRow } from "../sql/queue/message-row.ts";
import type { Value } from "./connection/executor.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { FLOOR_MS } from "./limits.ts";
import { compareIds, type Settler } from "./settle.ts";
import type { Wakes } from "./wakes.ts";

export interface PostgresSourceOptions extends OpenOptions {
  readonly queue: string;
  readonly connection: PostgresConnection;
  readonly settler: Settler;
  readonly wakes: Wakes;
  readonly waitMs: number;
  /** Resolves when the schema was found to be the right one. */
  readonly ready: () => Promise<void>;
}

interface ClaimedRow {
  readonly [column: string]: unknown;
  /** Null in the one row that says when the next message is due. */
  readonly id: string | null;
  readonly deliveries: number;
  readonly body: string | null;
  readonly bytes: Uint8Array | null;
  readonly attributes: string;
  readonly key: string | null;
  readonly enqueued_ms: number;
  readonly key_queue: string | null;
  readonly epoch: number | null;
  readonly due_ms: number | null;
}

/** The levels of priority in the order in which they are claimed. All messages have the normal one, which is 1. */
const PRIORITIES = "{1}";
/** The longest pause between two claims while every message that is ready belongs to a transaction of a sender. */
const LONGEST_CONTENDED_MS = 500;

/** Creates the source of one queue: claims, and the settlement of their messages. */
export function postgresSource(options: PostgresSourceOptions): WakingSource {
  const { queue, connection, settler, wakes, leaseMs, waitMs, ready } = options;
  const { clock } = connection;
  const text = `SELECT id::text, deliveries, body, bytes, attributes, key, enqueued_ms, key_queue::text, epoch, due_ms FROM ${connection.quoted}.claim($1, $2::text::int, $3::text::float8, $4, $5::text::boolean)`;
  let keysFirst = false;
  let contended = 0;
  const source = wakingSource({
    async claim(max) {
      await Promise.all([ready(), connection.openSettle()]);
      wakes.listen();
      // In turn, so that messages without a key are not starved by those with one, nor the other way round.
      keysFirst = !keysFirst;
      const values: Value[] = [queue, max, leaseMs, PRIORITIES, String(keysFirst)];
      const now = clock.now();
      const rows = await connection.query<ClaimedRow>(
        `receive from queue "${queue}"`,
        text,
        values.map((value) => (value === null ? null : String(value))),
        { name: "qp_claim" },
      );
      const claimed = rows.filter((row) => row.id !== null);
      const dueInMs = claimed.length === 0 ? (rows[0]?.due_ms ?? undefined) : undefined;
      contended = dueInMs !== undefined && dueInMs <= 0 ? contended + 1 : 0;
      return {
        deliveries: claimed
          .toSorted((one, other) => compareIds(one.id as string, other.id as string))
          .map((row) => deliveryOf(messageRow(row), now + leaseMs)),
        dueInMs: contended > 3 ? Math.min(10 * contended, LONGEST_CONTENDED_MS) : dueInMs,
      };
    },
    async settle(operations) {
      const { results, dueInMs, released } = await settler.settle(queue, [...operations]);
      if (released) wakes.announce(queue, dueInMs ?? 0);
      else if (dueInMs !== undefined) wakes.wake(queue, dueInMs);
      return results;
    },
    waitMs,
    floorMs: FLOOR_MS,
    clock: clock satisfies Clock,
    close: async () => wakes.remove(queue, source),
  });
  wakes.add(queue, source);
  return source;
}

/** The row as the tables of all databases have it. */
function messageRow(row: ClaimedRow): MessageRow {
  return {
    id: row.id as string,
    deliveries: row.deliveries,
    body: row.body ?? row.bytes ?? "",
    attributes: row.attributes,
    key: row.key,
    enqueuedAt: Math.round(row.enqueued_ms),
    keyQueue: row.key_queue,
    fence: row.epoch,
  };
}
