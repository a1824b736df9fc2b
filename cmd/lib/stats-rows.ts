import type { Queue, QueueStats } from "../../src/queue.ts";
import { errorLine } from "./output.ts";

/** The counts of one queue, or why there are none. What the provider cannot tell is null, as JSON has no undefined. */
export interface StatsRow {
  readonly queue: string;
  readonly messages: number | null;
  readonly inFlight: number | null;
  /** Ready and in flight together. */
  readonly active: number | null;
  readonly delayed: number | null;
  readonly failed: number | null;
  readonly approximate: boolean;
  readonly asOf: Date | null;
  readonly error?: string;
}

/** One row a queue, in their order; a queue that fails, fails alone. */
export function statsRows(queue: Queue, names: readonly string[]): Promise<StatsRow[]> {
  return Promise.all(
    names.map(async (name) => {
      try {
        return row(name, await queue.stats(name));
      } catch (error) {
        const unknown = { messages: null, inFlight: null, active: null, delayed: null, failed: null };
        return { queue: name, ...unknown, approximate: true, asOf: null, error: errorLine(error) };
      }
    }),
  );
}

function row(
  queue: string,
  { messages, inFlight, active, delayed, failed, approximate, asOf }: QueueStats,
): StatsRow {
  return {
    queue,
    messages: messages ?? null,
    inFlight: inFlight ?? null,
    active: active ?? null,
    delayed: delayed ?? null,
    failed: failed ?? null,
    approximate,
    asOf,
  };
}
