import type { Delays } from "../delay/delays.ts";
import type { Connection } from "../transport/connection.ts";
import type { DriverStats } from "../driver/contract.ts";
import { DriverError } from "../driver/error.ts";
import type { QueueStats } from "../queue/queue.ts";

/** Counts a logical queue: the queue itself, its delay queue, its dead-letter queue and the delay store. */
export async function queueStats(
  connection: Connection,
  delays: Delays | undefined,
  queue: string,
): Promise<QueueStats> {
  const traits = await connection.traits(queue);
  const hasDelayQueue = traits.nativeDelayMs !== Number.POSITIVE_INFINITY && connection.limits.maxHopMs > 0;
  const [own, waiting, dead] = await Promise.all([
    connection.stats(queue),
    hasDelayQueue ? countsOf(connection, traits.delayQueue) : undefined,
    traits.deadLetter === "copy" ? countsOf(connection, traits.deadLetterQueue) : undefined,
  ]);
  const stored = await delays?.store.count(queue);
  const all = [own, waiting, dead].filter((stats) => stats !== undefined);
  return {
    messages: own.ready,
    inFlight: own.inFlight,
    backlog: backlogOf(own),
    delayed: sum(own.delayed, waiting === undefined ? 0 : depth(waiting), stored ?? 0),
    failed: dead === undefined ? own.deadLettered : depth(dead),
    approximate: all.some((stats) => stats.approximate),
    asOf: new Date(Math.min(...all.map((stats) => stats.asOf))),
  };
}

/** Counts a queue that may not exist. A missing queue holds nothing. */
async function countsOf(connection: Connection, queue: string): Promise<DriverStats> {
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

/** Adds counts. The sum is undefined if a part is undefined. */
function sum(...parts: (number | undefined)[]): number | undefined {
  let total = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    total += part;
  }
  return total;
}
