import type { Channel } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import type { Registry } from "prom-client";
import { type Clock, systemClock } from "../lib/clock.ts";
import { channels, type Origin } from "../diagnostics.ts";
import { QueueError } from "../errors.ts";
import type { Queue } from "../queue/queue.ts";
import { createFamilies } from "./families.ts";
import { asMetric, type Scrapable } from "./family.ts";
import { type StatsOptions, statsFamilies } from "./queue-stats.ts";
import { recordJobs } from "./record-jobs.ts";
import { recordReceivers, recordRequests, recordSends } from "./record-queue.ts";
import { TypeLabels } from "./type-labels.ts";

/** What is counted, and where. */
export interface MetricsOptions {
  /**
   * The prom-client registry that the metrics are registered in. An application that is bundled into one file passes
   * its own: by default, prom-client is loaded at run time from `node_modules`.
   * @default a new registry
   */
  readonly registry?: Registry | undefined;
  /** Count only what concerns this queue. @default every queue of the process */
  readonly only?: Queue | undefined;
  /** Export `queue_messages`, asking the provider when it is scraped. */
  readonly stats?: StatsOptions | undefined;
  /** Job types with a label of their own; further ones are counted under `other`. @default 200 */
  readonly maxTypes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Metrics that are being kept. */
export interface Metrics {
  readonly registry: Registry;
  /** Stops counting and takes the metrics out of the registry. Idempotent. */
  close(): void;
}

const MAX_TYPES = 200;

/**
 * Counts what queues and workers of this process do, from now on, for Prometheus.
 *
 * @example
 * const metrics = createMetrics({ stats: { queue, names: ["emails"] } });
 * app.get("/metrics", async (c) => c.text(await metrics.registry.metrics()));
 * @throws QueueError `invalid_options`; `missing_dependency` if no registry is given and prom-client is not installed
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { registry = newRegistry(), only, stats, maxTypes = MAX_TYPES, clock = systemClock } = options;
  check("maxTypes", maxTypes);
  check("stats.maxAgeMs", stats?.maxAgeMs);
  check("stats.timeoutMs", stats?.timeoutMs);

  const families = createFamilies();
  const unregister = register(registry, [
    ...Object.values<Scrapable>({ ...families }),
    ...(stats === undefined ? [] : Object.values<Scrapable>({ ...statsFamilies(stats, clock) })),
  ]);
  const labels = new TypeLabels(maxTypes);
  const unsubscribe = [
    subscribe(channels.send, only, recordSends(families, labels)),
    subscribe(channels.request, only, recordRequests(families)),
    subscribe(channels.job, only, recordJobs(families, labels)),
    subscribe(channels.receive, only, recordReceivers(families)),
  ];
  return {
    registry,
    close() {
      for (const stop of unsubscribe.splice(0)) stop();
      unregister();
    },
  };
}

/** Failures of `require` which mean that prom-client is not there. The second one is that of a CommonJS bundle. */
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

/** Puts all into the registry, or none. Returns how to take out again what is still ours there. */
function register(registry: Registry, scrapables: readonly Scrapable[]): () => void {
  const named = scrapables.map((scrapable) => ({ name: scrapable.name, metric: asMetric(scrapable) }));
  for (const { name } of named) {
    if (registry.getSingleMetric(name) !== undefined)
      throw new QueueError(
        "invalid_options",
        `The registry has a metric ${name} already. Close the metrics that were created before, or pass another registry.`,
      );
  }
  for (const { metric } of named) registry.registerMetric(metric);
  return () => {
    for (const { name, metric } of named) {
      if (registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name);
    }
  };
}

function subscribe<Event extends Origin>(
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

function check(option: string, value: number | undefined): void {
  if (value !== undefined && !(value >= 0))
    throw new QueueError(
      "invalid_options",
      `createMetrics: ${option} must be a number, 0 or more; got ${value}.`,
    );
}
