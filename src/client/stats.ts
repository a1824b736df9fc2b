import type { Delays } from "../delay/delays.ts";
import type { Connection } from "../transport/connection.ts";
import type { DriverStats } from "../driver/contract.ts";
import { DriverError } from "../driver/error.ts";
import type { QueueStats } from "../queue/queue.ts";

/** The counts of a logical queue: its own, those of its parking queue, and the depth of its dead-letter queue. */
export async function queueStats(
  connection: Connection,
  delays: Delays | undefined,
  queue: string,
): Promise<QueueStats> {
  const traits = await connection.traits(queue);
  const parks = traits.nativeDelayMs !== Number.POSITIVE_INFINITY && connection.limits.maxHopMs > 0;
  const [own, parked, dead] = await Promise.all([
    connection.stats(queue),
    parks ? ifThere(connection, traits.delayQueue) : undefined,
    traits.deadLetter === "copy" ? ifThere(connection, traits.deadLetterQueue) : undefined,
  ]);
  const stored = await delays?.store.count(queue);
  const all = [own, parked, dead].filter((stats) => stats !== undefined);
  return {
    messages: own.ready,
    inFlight: own.inFlight,
    backlog: backlogOf(own),
    delayed: sum(own.delayed, parked === undefined ? 0 : depth(parked), stored ?? 0),
    failed: dead === undefined ? own.deadLettered : depth(dead),
    approximate: all.some((stats) => stats.approximate),
    asOf: new Date(Math.min(...all.map((stats) => stats.asOf))),
  };
}

/** A queue that does not exist holds nothing. */
async function ifThere(connection: Connection, queue: string): Promise<DriverStats> {
  try {
    return await connection.stats(queue);
  } catch (error) {
    if (!(error instanceof DriverError) || error.kind !== "not_found") throw error;
    return { ready: 0, inFlight: 0, delayed: 0, approximate: false, asOf: connection.clock.now() };
  }
}

function backlogOf({ ready, inFlight, backlog }: DriverStats): number | undefined {
  return backlog ?? sum(ready, inFlight);
}

function depth(stats: DriverStats): number | undefined {
  return sum(backlogOf(stats), stats.delayed);
}

/** Undefined where any part is. */
function sum(...parts: (number | undefined)[]): number | undefined {
  let total = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    total += part;
  }
  return total;
}
