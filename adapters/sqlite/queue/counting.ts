import { setImmediate as turn } from "node:timers/promises";
import type { DriverStats } from "../../../src/driver/index.ts";
import type { Connection, SqliteValue } from "./database.ts";

/** Messages that are counted in one go: some milliseconds, after which the event loop goes on. */
const SLICE = 10_000;
/** Key queues that are looked at in one go. Most have a few messages. */
const KEY_QUEUES = 1_000;

// No numbered parameters: better-sqlite3 takes them for names.
const COUNT = "SELECT count(*) AS n, sum(visible_at <= ?) AS ready, sum(visible_at > ? AND held) AS held";
const PLAIN = "FROM queueport_message WHERE queue = ? AND priority = 1 AND key_queue IS NULL";
const AFTER = "AND (visible_at, id) > (?, ?)";

const SQL = {
  queue: "SELECT id FROM queueport_queue WHERE name = ?",
  end: `SELECT visible_at AS at, id ${PLAIN} ${AFTER} ORDER BY visible_at, id LIMIT 1 OFFSET ${SLICE - 1}`,
  rest: `${COUNT} ${PLAIN} ${AFTER}`,
  slice: `${COUNT} ${PLAIN} ${AFTER} AND (visible_at, id) <= (?, ?)`,
  keyQueues: `SELECT id, key FROM queueport_key_queue WHERE queue = ? AND key > ? ORDER BY key LIMIT ${KEY_QUEUES}`,
  keyed: `${COUNT}, max(id) AS lastId FROM (
      SELECT id, visible_at, held FROM queueport_message WHERE key_queue = ? AND id > ? ORDER BY id LIMIT ${SLICE})`,
} as const;

interface Counts {
  readonly n: number;
  readonly ready: number | null;
  readonly held: number | null;
}

interface KeyedCounts extends Counts {
  readonly lastId: number | null;
}

/** Sums of counts, and the number of slices that they were made in. */
interface Sums {
  n: number;
  ready: number;
  held: number;
  slices: number;
}

/**
 * Counts the messages of a queue, in slices between which the event loop goes on. Exact if the connection has a read
 * transaction, in which nothing changes; otherwise approximate if there is more than one slice.
 */
export async function countMessages(
  connection: Connection,
  queue: string,
  now: number,
): Promise<DriverStats> {
  const [found] = connection.all<{ readonly id: number }>(SQL.queue, queue);
  const sums: Sums = { n: 0, ready: 0, held: 0, slices: 1 };
  if (found !== undefined) {
    await countPlain(connection, found.id, now, sums);
    await countKeyed(connection, found.id, now, sums);
  }
  const { n, ready, held, slices } = sums;
  const approximate = slices > 1 && !connection.isTransaction;
  return { ready, inFlight: held, delayed: n - ready - held, approximate, asOf: now };
}

async function countPlain(connection: Connection, queue: number, now: number, sums: Sums): Promise<void> {
  let from = { at: Number.MIN_SAFE_INTEGER, id: 0 };
  for (;;) {
    const [end] = connection.all<{ readonly at: number; readonly id: number }>(
      SQL.end,
      queue,
      from.at,
      from.id,
    );
    if (end === undefined) return add(connection, sums, SQL.rest, now, now, queue, from.at, from.id);
    add(connection, sums, SQL.slice, now, now, queue, from.at, from.id, end.at, end.id);
    from = end;
    await next(sums);
  }
}

async function countKeyed(connection: Connection, queue: number, now: number, sums: Sums): Promise<void> {
  let lastKey: string | undefined = "";
  while (lastKey !== undefined) {
    const keyQueues: readonly { readonly id: number; readonly key: string }[] = connection.all(
      SQL.keyQueues,
      queue,
      lastKey,
    );
    let counted = 0;
    for (const { id } of keyQueues) {
      for (let [lastId, n] = [0, SLICE]; n === SLICE;) {
        const found: readonly KeyedCounts[] = connection.all(SQL.keyed, now, now, id, lastId);
        lastId = found[0]?.lastId ?? 0;
        n = found[0]?.n ?? 0;
        sum(sums, found[0]);
        counted += n;
        if (counted < SLICE) continue;
        counted = 0;
        await next(sums);
      }
    }
    lastKey = keyQueues.length < KEY_QUEUES ? undefined : keyQueues.at(-1)?.key;
    if (lastKey !== undefined) await next(sums);
  }
}

function add(connection: Connection, sums: Sums, sql: string, ...values: readonly SqliteValue[]): void {
  sum(sums, connection.all<Counts>(sql, ...values)[0]);
}

function sum(sums: Sums, counts: Counts | undefined): void {
  sums.n += counts?.n ?? 0;
  sums.ready += counts?.ready ?? 0;
  sums.held += counts?.held ?? 0;
}

async function next(sums: Sums): Promise<void> {
  sums.slices += 1;
  await turn();
}
