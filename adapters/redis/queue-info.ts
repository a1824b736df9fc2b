import type { QueueRow } from "../sql/queue/queue-row.ts";
import type { RedisConnection } from "./connection/redis-connection.ts";
import { keysOf } from "./keys.ts";

/** Reads the settings of a queue; undefined if there is none yet. */
export async function readInfo(connection: RedisConnection, queue: string): Promise<QueueRow | undefined> {
  const [info = ""] = keysOf(connection.prefix, queue);
  const [ordered, dedup] = (await connection.command(`describe queue "${queue}"`, info, [
    "HMGET",
    info,
    "ordered",
    "dedup",
  ])) as (string | null)[];
  if (typeof ordered !== "string") return undefined;
  return { ordered: ordered === "1", dedupMs: Number(dedup) };
}

/** Writes the settings of a queue. */
export async function writeInfo(
  connection: RedisConnection,
  queue: string,
  { ordered, dedupMs }: QueueRow,
): Promise<void> {
  const [info = ""] = keysOf(connection.prefix, queue);
  const fields = ["ordered", ordered ? "1" : "0", "dedup", String(dedupMs)];
  await connection.command(`create queue "${queue}"`, info, ["HSET", info, ...fields]);
}
