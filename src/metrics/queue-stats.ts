import { type Duration, optionalMs } from "../lib/duration.ts";
import type { Clock } from "../lib/clock.ts";
import { QueueError } from "../errors.ts";
import type { Queue, QueueStats } from "../queue/queue.ts";
import { Family } from "./family.ts";

/** The queues whose message counts are exported as `queue_messages`. */
export interface StatsOptions {
  readonly queue: Queue;
  /** Logical names of queues. */
  readonly names: readonly string[];
  /** Age in milliseconds up to which a scrape reuses counts, since reading them is a billed request. @default 10000 */
  readonly maxAgeMs?: Duration | undefined;
  /** Time limit in milliseconds for the counts of one queue. A slower queue is missing in the scrape. @default 5000 */
  readonly timeoutMs?: Duration | undefined;
}

/** Below the 10 s after which Prometheus ends a scrape by default. */
const TIMEOUT_MS = 5_000;
const MAX_AGE_MS = 10_000;

const STATES: Readonly<Record<string, (stats: QueueStats) => number | undefined>> = {
  ready: (stats) => stats.messages,
  in_flight: (stats) => stats.inFlight,
  backlog: (stats) => stats.backlog,
  delayed: (stats) => stats.delayed,
  failed: (stats) => stats.failed,
};

/** The metrics whose values are read from the provider on a scrape. */
export interface StatsFamilies {
  readonly depth: Family<"queue" | "state">;
  readonly errors: Family<"queue">;
}

/** Creates the gauges of the message counts of queues. */
export function statsFamilies(options: StatsOptions, clock: Clock): StatsFamilies {
  const { queue, names } = options;
  const maxAgeMs = optionalMs(options.maxAgeMs) ?? MAX_AGE_MS;
  const timeoutMs = optionalMs(options.timeoutMs) ?? TIMEOUT_MS;
  const depth = new Family<"queue" | "state">({
    name: "queue_messages",
    help: "Messages in a queue, by state, as reported by the provider.",
    type: "gauge",
    aggregator: "max",
  });
  const errors = new Family<"queue">({
    name: "queue_stats_errors_total",
    help: "Failed attempts to read the message counts of a queue.",
    type: "counter",
  });
  /** Calls that have no answer yet. A provider that hangs gets one call, not one per scrape. */
  const calls = new Map<string, Promise<QueueStats>>();

  const ask = (name: string): Promise<QueueStats> => {
    const waiting = calls.get(name);
    if (waiting !== undefined) return waiting;
    const call = (async () => queue.stats(name))().finally(() => calls.delete(name));
    calls.set(name, call);
    return call;
  };

  const update = async (name: string): Promise<void> => {
    let stats: QueueStats | undefined;
    try {
      stats = await within(clock, timeoutMs, name, ask(name));
    } catch {
      // The scrape does not fail, because its other metrics are valid. An outdated count would be worse than none.
      errors.cell({ queue: name }).value += 1;
    }
    for (const [state, read] of Object.entries(STATES)) {
      const value = stats === undefined ? undefined : read(stats);
      if (value === undefined) depth.remove({ queue: name, state });
      else depth.cell({ queue: name, state }).value = value;
    }
  };

  let updatedAt = Number.NEGATIVE_INFINITY;
  let updating: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    if (updating !== undefined) return updating;
    if (clock.monotonic() - updatedAt < maxAgeMs) return Promise.resolve();
    updating = Promise.all(names.map(update)).then(() => {
      updatedAt = clock.monotonic();
      updating = undefined;
    });
    return updating;
  };

  for (const name of names) errors.cell({ queue: name });
  depth.refresh = refresh;
  // Refreshed as well, so that a scrape contains the errors that it has met itself.
  errors.refresh = refresh;
  return { depth, errors };
}

/** Resolves with `answer`, or rejects with `unavailable` after `ms` milliseconds. */
function within<T>(clock: Clock, ms: number, queue: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () =>
      reject(
        new QueueError("unavailable", `The stats of queue "${queue}" took longer than ${ms} ms.`, { queue }),
      ),
    );
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
