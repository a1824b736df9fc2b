import type { JobLogEvent } from "./job-log.ts";

/** How the runs that kills have cut off were taken up again. */
export interface Takeovers {
  /** Runs that were cut off, and whose jobs have run again. */
  readonly count: number;
  /** The most runs that one kill has cut off. */
  readonly mostAtOnce: number;
  /** Milliseconds from the kill until the handler was called again: of half of them, of 99 in 100, and at most. */
  readonly halfMs: number;
  readonly mostMs: number;
  readonly maxMs: number;
}

/** Finds the runs that were cut off in the log of a campaign. */
export function takeoversIn(log: readonly JobLogEvent[]): Takeovers {
  const held = new Map<number, Set<string>>();
  const cutAt = new Map<string, number>();
  const waits: number[] = [];
  let mostAtOnce = 0;
  for (const event of log) {
    switch (event.kind) {
      case "began": {
        const cut = cutAt.get(event.id);
        if (cut !== undefined) waits.push(event.at - cut);
        cutAt.delete(event.id);
        if (event.fence !== undefined) idsOf(held, event.process).add(event.id);
        break;
      }
      case "ended":
      case "overruled":
      case "refused":
        held.get(event.process)?.delete(event.id);
        break;
      case "killed": {
        const ids = held.get(event.process) ?? new Set();
        held.delete(event.process);
        mostAtOnce = Math.max(mostAtOnce, ids.size);
        for (const id of ids) cutAt.set(id, event.at);
        break;
      }
      default:
    }
  }
  waits.sort((one, other) => one - other);
  const share = (part: number): number => waits[Math.ceil(waits.length * part) - 1] ?? 0;
  return { count: waits.length, mostAtOnce, halfMs: share(0.5), mostMs: share(0.99), maxMs: share(1) };
}

function idsOf(held: Map<number, Set<string>>, process: number): Set<string> {
  const ids = held.get(process) ?? new Set();
  held.set(process, ids);
  return ids;
}
