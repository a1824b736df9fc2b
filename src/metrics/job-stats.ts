import type { Clock } from "../lib/clock.ts";
import { type Duration, optionalMs } from "../lib/duration.ts";
import { Family } from "./family.ts";

/** The figures of jobs that a scrape reads. The `Jobs` of `createJobs` has these methods. */
export interface CountedJobs {
  health(): Promise<{
    readonly store: {
      readonly name: string;
      readonly reachable: boolean;
      readonly journaled: number;
      readonly dropped: number;
    };
    readonly dispatchLagMs: number;
    readonly stalled: number;
    readonly unfinished: readonly {
      readonly queue: string;
      readonly status: string;
      readonly count: number;
    }[];
  }>;
  workers(): Promise<
    readonly {
      readonly queues: readonly string[];
      readonly slots: number;
      readonly runningCount: number;
    }[]
  >;
}

/** The jobs whose counts are exported. */
export interface JobStatsOptions {
  /** The `Jobs` of `createJobs`. */
  readonly jobs: CountedJobs;
  /** Age up to which a scrape reuses counts; a number is in milliseconds. @default 10000 */
  readonly maxAgeMs?: Duration | undefined;
}

const MAX_AGE_MS = 10_000;

/** The metrics whose values are read from the job store on a scrape. */
export interface JobStatsFamilies {
  readonly unfinished: Family<"queue" | "status">;
  readonly stalled: Family<"store">;
  readonly lag: Family<"store">;
  readonly journaled: Family<"store">;
  readonly dropped: Family<"store">;
  readonly workers: Family<"queue">;
  readonly slots: Family<"state">;
  readonly errors: Family<"store">;
}

/** Creates the gauges of the jobs of a store. */
export function jobStatsFamilies(options: JobStatsOptions, clock: Clock): JobStatsFamilies {
  const maxAgeMs = optionalMs(options.maxAgeMs) ?? MAX_AGE_MS;
  const families: JobStatsFamilies = {
    unfinished: gauge("jobs_unfinished", "Recorded jobs that are not over, by status."),
    stalled: gauge(
      "jobs_stalled",
      "Recorded jobs that are processing, and of which no run is known to go on.",
    ),
    lag: gauge("job_dispatch_lag_seconds", "Time by which the most overdue job should have been sent."),
    journaled: gauge("job_store_journaled", "Ends of jobs that wait in this process for the store."),
    dropped: new Family({
      name: "job_store_dropped_total",
      help: "Changes of jobs that were lost, since the journal was full or the store refused them.",
      type: "counter",
    }),
    workers: gauge("workers", "Workers that were seen within the last minute."),
    slots: gauge("worker_slots", "Handlers that can run at once, over all workers, by state."),
    errors: new Family({
      name: "job_stats_errors_total",
      help: "Failed attempts to read the counts of jobs.",
      type: "counter",
    }),
  };
  let name = "unknown";
  const update = async (): Promise<void> => {
    let isRead = false;
    try {
      const { store, ...counts } = await options.jobs.health();
      name = store.name;
      families.journaled.cell({ store: name }).value = store.journaled;
      families.dropped.cell({ store: name }).value = store.dropped;
      if (store.reachable) {
        write(families, name, counts, await options.jobs.workers());
        isRead = true;
      }
    } catch {
      // The scrape does not fail, because its other metrics are valid.
    }
    const errors = families.errors.cell({ store: name });
    if (isRead) return;
    errors.value += 1;
    // An outdated count would be worse than none.
    const { unfinished, stalled, lag, workers, slots } = families;
    for (const family of [unfinished, stalled, lag, workers, slots]) family.clear();
  };
  let updatedAt = Number.NEGATIVE_INFINITY;
  let updating: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    if (updating !== undefined) return updating;
    if (clock.monotonic() - updatedAt < maxAgeMs) return Promise.resolve();
    updating = update().then(() => {
      updatedAt = clock.monotonic();
      updating = undefined;
    });
    return updating;
  };
  // A registry asks all families at once. Each waits for the one reading.
  for (const family of Object.values<Family<never>>({ ...families } as never)) family.refresh = refresh;
  return families;
}

type Health = Awaited<ReturnType<CountedJobs["health"]>>;
type Workers = Awaited<ReturnType<CountedJobs["workers"]>>;

function write(
  families: JobStatsFamilies,
  store: string,
  { unfinished, stalled, dispatchLagMs }: Omit<Health, "store">,
  workers: Workers,
): void {
  families.unfinished.clear();
  for (const { queue, status, count } of unfinished)
    families.unfinished.cell({ queue, status }).value += count;
  families.stalled.cell({ store }).value = stalled;
  families.lag.cell({ store }).value = dispatchLagMs / 1_000;
  families.workers.clear();
  let [busy, all] = [0, 0];
  for (const { queues, slots, runningCount } of workers) {
    busy += runningCount;
    all += slots;
    for (const queue of queues) families.workers.cell({ queue }).value += 1;
  }
  families.slots.cell({ state: "busy" }).value = busy;
  families.slots.cell({ state: "free" }).value = Math.max(0, all - busy);
}

/** Each process that exports such a gauge reports the whole, so several are not added. */
function gauge<Label extends string>(name: string, help: string): Family<Label> {
  return new Family({ name, help, type: "gauge", aggregator: "max" });
}
