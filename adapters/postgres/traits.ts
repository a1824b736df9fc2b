import type { Clock, DriverStats } from "../../src/driver/index.ts";
import type { QueueRow } from "../sql/queue/queue-row.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { COUNT_LIMIT } from "./schema/stats-function.ts";

/** Reads the row of a queue; undefined if there is none yet. */
export async function readQueue(
  connection: PostgresConnection,
  queue: string,
): Promise<QueueRow | undefined> {
  const [row] = await connection.query<{ ordered: boolean; dedup_ms: string }>(
    `describe queue "${queue}"`,
    `SELECT ordered, dedup_ms::text FROM ${connection.quoted}.queue WHERE name = $1`,
    [queue],
    { on: "check" },
  );
  return row === undefined ? undefined : { ordered: row.ordered, dedupMs: Number(row.dedup_ms) };
}

/** Counts the messages of one queue: exactly, up to a limit. */
export async function readStats(
  connection: PostgresConnection,
  queue: string,
  clock: Clock,
): Promise<DriverStats> {
  const [row] = await connection.query<{ ready: string; in_flight: string; delayed: string }>(
    `count the messages of queue "${queue}"`,
    `SELECT ready::text, in_flight::text, delayed::text FROM ${connection.quoted}.stats($1)`,
    [queue],
  );
  const [ready, inFlight, delayed] = [row?.ready, row?.in_flight, row?.delayed].map(Number) as [
    number,
    number,
    number,
  ];
  const approximate = [ready, inFlight, delayed].some((count) => count >= COUNT_LIMIT);
  return { ready, inFlight, delayed, approximate, asOf: clock.now() };
}
