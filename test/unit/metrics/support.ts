import { type Metrics, createMetrics, type MetricsOptions } from "../../../src/metrics/index.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { channels, type JobEvent, type JobInfo, type ReceiveEvent } from "../../../src/diagnostics.ts";
import type { Queue, QueueStats } from "../../../src/queue/queue.ts";

/** The source of events in tests for which it does not matter. */
export const anySource: object = {};

export function job(fields: Partial<JobInfo> = {}): JobInfo {
  return { id: "1", type: "mail", queue: "emails", attempt: 1, maxAttempts: 5, ...fields };
}

export function publishJob(event: JobEvent, source: object = anySource): void {
  channels.job.publish({ ...event, provider: "memory", queue: event.job.queue, source });
}

export function publishReceive(event: ReceiveEvent): void {
  channels.receive.publish({ ...event, provider: "memory", source: anySource });
}

export function publishSend(
  type: string,
  { queue = "emails", outcome = "sent" }: { queue?: string; outcome?: "sent" | "failed" | "unknown" } = {},
  source: object = anySource,
): void {
  channels.send.publish({ provider: "memory", queue, source, type, id: "1", outcome });
}

/** Publishes the events of a run that completes. */
export function publishRun(fields: Partial<JobInfo>, durationMs = 1): void {
  publishJob({ event: "started", job: job(fields), waitMs: 0 });
  publishJob({ event: "completed", job: job(fields), durationMs });
}

/** The content of a scrape. */
export interface Scrape {
  /** The type of each metric: `counter`, `gauge` or `histogram`. */
  readonly types: ReadonlyMap<string, string>;
  /** The values by `name{label="value",…}`, with the labels in alphabetical order. */
  readonly samples: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? ([-+]?(?:[0-9.e+-]+|Inf))$/;
const LABEL = /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Parses the text format. Throws if it is invalid. */
export function parse(text: string): Scrape {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ") || line === "# EOF") continue;
    if (line.startsWith("# TYPE ")) {
      const [, , name = "", type = ""] = line.split(" ");
      types.set(name, type);
      continue;
    }
    const [, name, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`not a sample: ${line}`);
    const key = `${name}{${parseLabels(labels).toSorted().join(",")}}`;
    if (samples.has(key)) throw new Error(`duplicate sample: ${key}`);
    samples.set(key, value.endsWith("Inf") ? Number(`${value}inity`) : Number(value));
  }
  return { types, samples };
}

function parseLabels(labels: string): string[] {
  const found: string[] = [];
  LABEL.lastIndex = 0;
  for (let at = 0; at < labels.length; at = LABEL.lastIndex) {
    const match = LABEL.exec(labels);
    if (match === null) throw new Error(`not labels: ${labels}`);
    found.push(`${match[1]}="${match[2]}"`);
  }
  return found;
}

export async function scrape(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  return parse(await metrics.registry.metrics()).samples;
}

/** The samples of one metric, without its name. */
export async function samplesOf(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const own = [...(await scrape(metrics))].filter(([key]) => key.startsWith(`${name}{`));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(name.length), value]));
}

/** Runs `test` with metrics, and closes them afterwards. */
export async function withMetrics(
  options: MetricsOptions,
  test: (metrics: Metrics) => Promise<void> | void,
): Promise<void> {
  const metrics = createMetrics(options);
  try {
    await test(metrics);
  } finally {
    metrics.close();
  }
}

/** A queue that has only the method `stats`. */
export function statsQueue(stats: (queue: string) => Promise<QueueStats>): Queue {
  return { provider: "memory", stats } as unknown as Queue;
}

export function depths(figures: Partial<QueueStats>): QueueStats {
  return {
    messages: undefined,
    inFlight: undefined,
    backlog: undefined,
    delayed: undefined,
    failed: undefined,
    approximate: false,
    asOf: new Date(0),
    ...figures,
  };
}

/** A clock that only `advance` moves. */
export class ManualClock implements Clock {
  #now = 1_000_000;
  #setMs = 0;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now + this.#setMs;
  }

  monotonic(): number {
    return this.#now;
  }

  timer(ms: number, run: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Sets the time of day by `ms`, without the passage of time. */
  setTime(ms: number): void {
    this.#setMs += ms;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.run();
    }
  }
}
