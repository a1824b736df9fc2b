import type { Queue } from "../../src/queue/queue.ts";
import { errorLine } from "./output.ts";

/** The counts of one queue, or the error that prevented them. A count that the provider does not report is null. */
export interface StatsRow {
  readonly queue: string;
  /** Messages that are ready to be received. */
  readonly messages: number | null;
  /** Messages that are leased by a receiver. */
  readonly inFlight: number | null;
  /** Ready and leased messages together. */
  readonly backlog: number | null;
  readonly delayed: number | null;
  /** Messages in the dead-letter queue. */
  readonly failed: number | null;
  readonly approximate: boolean;
  readonly asOf: Date | null;
  readonly error?: string;
}

/** The text of a row for an error that prevented the counts of a queue. */
type ErrorText = (error: unknown, queue: string) => string;

/** One row for each queue, in the order of `names`. A queue that fails does not affect the other rows. */
export function statsRows(
  queue: Queue,
  names: readonly string[],
  errorText: ErrorText = errorLine,
): Promise<StatsRow[]> {
  return Promise.all(names.map((name) => statsRow(queue, name, errorText)));
}

async function statsRow(queue: Queue, name: string, errorText: ErrorText): Promise<StatsRow> {
  try {
    const stats = await queue.stats(name);
    return {
      queue: name,
      messages: stats.messages ?? null,
      inFlight: stats.inFlight ?? null,
      backlog: stats.backlog ?? null,
      delayed: stats.delayed ?? null,
      failed: stats.failed ?? null,
      approximate: stats.approximate,
      asOf: stats.asOf,
    };
  } catch (error) {
    const unknown = { messages: null, inFlight: null, backlog: null, delayed: null, failed: null };
    return { queue: name, ...unknown, approximate: true, asOf: null, error: errorText(error, name) };
  }
}
