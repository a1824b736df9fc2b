import type { Channel } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import type { Registry } from "prom-client";
import { type Clock, systemClock } from "../lib/clock.ts";
import { optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import { channels, type Origin } from "../diagnostics.ts";
import { QueueError } from "../errors.ts";
import type { Queue } from "../queue/queue.ts";
import { createFamilies } from "./families.ts";
import { asMetric, type Scrapable } from "./family.ts";
import { type StatsOptions, statsFamilies } from "./queue-stats.ts";
import { type JobStatsOptions, jobStatsFamilies } from "./job-stats.ts";
import { recordJobs } from "./record-jobs.ts";
import { recordReceivers, recordRequests, recordSends } from "./record-queue.ts";
import { recordStore } from "./record-store.ts";
import { TypeLabels } from "./type-labels.ts";

/** The options of {@link createMetrics}. */
export interface MetricsOptions {
  /**
   * The prom-client registry that the metrics are registered in. An application that is bundled into one file passes
   * its own: by default, prom-client is loaded at run time from `node_modules`.
   * @default a new registry
   */
  readonly registry?: Registry | undefined;
  /** Counts only the events of this `Queue`. @default every `Queue` of the process */
  readonly only?: Queue | undefined;
  /** Exports `queue_messages`, whose values are read from the provider on a scrape. @default not exported */
  readonly stats?: StatsOptions | undefined;
  /** Exports the counts of recorded jobs and of workers, which are read from the job store on a scrape. @default not exported */
  readonly jobs?: JobStatsOptions | undefined;
  /** Largest number of job types that get a label. Further types are counted as `other`. @default 200 */
  readonly maxTypes?: number | undefined;
  /** The clock, for tests. @default the system clock */
  readonly clock?: Clock | undefined;
}

/** The metrics of this process. */
export interface Metrics {
  /** Registry that contains the metrics. `await registry.metrics()` is the body of a response to a scrape. */
  readonly registry: Registry;
  /** Stops counting and removes the metrics from the registry. Idempotent. */
  close(): void;
}

const MAX_TYPES = 200;

/**
 * Counts the events of the queues and workers of this process for Prometheus, from now until `close()`.
 *
 * @example
 * const metrics = createMetrics({ stats: { queue, names: ["emails"] } });
 * app.get("/metrics", async (c) => c.text(await metrics.registry.metrics()));
 * @throws QueueError `invalid_options`; `missing_dependency` if no registry is given and prom-client is not installed
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { registry = newRegistry(), only, stats, jobs, maxTypes = MAX_TYPES, clock = systemClock } = options;
  check("maxTypes", maxTypes, maxTypes);
  check("stats.maxAgeMs", stats?.maxAgeMs, optionalMs(stats?.maxAgeMs));
  check("jobs.maxAgeMs", jobs?.maxAgeMs, optionalMs(jobs?.maxAgeMs));
  check("stats.timeoutMs", stats?.timeoutMs, optionalMs(stats?.timeoutMs));

  const families = createFamilies();
  const unregister = register(registry, [
    ...Object.values<Scrapable>({ ...families }),
    ...(stats === undefined ? [] : Object.values<Scrapable>({ ...statsFamilies(stats, clock) })),
    ...(jobs === undefined ? [] : Object.values<Scrapable>({ ...jobStatsFamilies(jobs, clock) })),
  ]);
  const labels = new TypeLabels(maxTypes);
  const unsubscribe = [
    subscribe(channels.send, only, recordSends(families, labels)),
    subscribe(channels.request, only, recordRequests(families)),
    subscribe(channels.job, only, recordJobs(families, labels)),
    subscribe(channels.receive, only, recordReceivers(families)),
    subscribe(channels.store, only, recordStore(families)),
  ];
  return {
    registry,
    close() {
      for (const stop of unsubscribe.splice(0)) stop();
      unregister();
    },
  };
}

/** Error codes of `require` for a missing prom-client. The second one occurs in a CommonJS bundle. */
const MISSING: ReadonlySet<unknown> = new Set(["MODULE_NOT_FOUND", "ERR_INVALID_ARG_VALUE"]);

/**
 * A registry of the application's prom-client. Loaded by `require`, since prom-client is an optional peer: a missing
 * package would make an import of this module fail, with the loader's own error.
 */
function newRegistry(): Registry {
  let promClient: { readonly Registry: new () => Registry };
  try {
    promClient = createRequire(import.meta.url)("prom-client") as typeof promClient;
  } catch (cause) {
    if (!MISSING.has((cause as NodeJS.ErrnoException).code)) throw cause;
    throw new QueueError(
      "missing_dependency",
      "createMetrics needs the package prom-client, which is not installed. Install it: npm install prom-client. In an application that is bundled into one file, pass a registry: createMetrics({ registry: new Registry() }).",
      { cause },
    );
  }
  return new promClient.Registry();
}

/** Adds all metrics to the registry, or none. Returns a function that removes them if they are still registered. */
function register(registry: Registry, scrapables: readonly Scrapable[]): () => void {
  const named = scrapables.map((scrapable) => ({ name: scrapable.name, metric: asMetric(scrapable) }));
  for (const { name } of named) {
    if (registry.getSingleMetric(name) !== undefined)
      throw new QueueError(
        "invalid_options",
        `The registry already has a metric ${name}. Close the metrics that were created before, or pass another registry.`,
      );
  }
  for (const { metric } of named) registry.registerMetric(metric);
  return () => {
    for (const { name, metric } of named) {
      if (registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name);
    }
  };
}

function subscribe<Event extends Pick<Origin, "source">>(
  channel: Channel<Event>,
  only: Queue | undefined,
  record: (event: Event) => void,
): () => void {
  const listen = (message: unknown): void => {
    const event = message as Event;
    if (only === undefined || event.source === only) record(event);
  };
  channel.subscribe(listen);
  return () => {
    channel.unsubscribe(listen);
  };
}

function check(option: string, given: unknown, value: number | undefined): void {
  if (value !== undefined && !(value >= 0))
    throw new QueueError(
      "invalid_options",
      `createMetrics: ${option} must be 0 or more; got ${show(given)}.`,
    );
}
