import type { Clock } from "../lib/clock.ts";
import { QueueError } from "../errors.ts";
import type { Queue, QueueStats } from "../queue/queue.ts";
import { Family } from "./family.ts";

/** Whose depths are scraped. */
export interface StatsOptions {
  readonly queue: Queue;
  /** Logical queue names. */
  readonly names: readonly string[];
  /** A scrape reuses figures that are younger, in milliseconds: asking is a billed request. @default 10000 */
  readonly maxAgeMs?: number | undefined;
  /** A queue that takes longer to answer is left out, in milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined;
}

/** Prometheus gives up a scrape after 10 s by default. */
const TIMEOUT_MS = 5_000;
const MAX_AGE_MS = 10_000;

const STATES: Readonly<Record<string, (stats: QueueStats) => number | undefined>> = {
  ready: (stats) => stats.messages,
  in_flight: (stats) => stats.inFlight,
  active: (stats) => stats.active,
  delayed: (stats) => stats.delayed,
  failed: (stats) => stats.failed,
};

/** The metrics that are asked for rather than fed. */
export interface StatsFamilies {
  readonly depth: Family<"queue" | "state">;
  readonly errors: Family<"queue">;
}

/** Gauges of how full queues are, fetched when they are scraped. */
export function statsFamilies(options: StatsOptions, clock: Clock): StatsFamilies {
  const { queue, names, maxAgeMs = MAX_AGE_MS, timeoutMs = TIMEOUT_MS } = options;
  const depth = new Family<"queue" | "state">({
    name: "queue_messages",
    help: "Messages in a queue, by state, as its provider tells.",
    type: "gauge",
    aggregator: "max",
  });
  const errors = new Family<"queue">({
    name: "queue_stats_errors_total",
    help: "Failed attempts to learn how full a queue is.",
    type: "counter",
  });
  /** Calls without an answer yet. A provider that hangs gets one, not one a scrape. */
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
      // Not a reason to fail the scrape, in which everything else is good. An old depth is worse than none.
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
    const ageMs = clock.now() - updatedAt;
    // A negative age is a clock that was set back.
    if (ageMs >= 0 && ageMs < maxAgeMs) return Promise.resolve();
    updating = Promise.all(names.map(update)).then(() => {
      updatedAt = clock.now();
      updating = undefined;
    });
    return updating;
  };

  for (const name of names) errors.cell({ queue: name });
  depth.refresh = refresh;
  // One scrape reads both: the error that it ran into is in it.
  errors.refresh = refresh;
  return { depth, errors };
}

/** The answer, or a rejection after `ms`. */
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
