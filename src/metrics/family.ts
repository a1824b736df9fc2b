import type { Metric } from "prom-client";

/** One sample in the form that prom-client's registry prints. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Name of the sample if it differs from the name of the metric. */
  readonly metricName?: string;
}

/** The answer of a metric to prom-client's registry, on every scrape. */
export interface Scraped {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Function that combines the values of the processes of a Node cluster. */
  readonly aggregator: "sum" | "max";
  readonly values: readonly Sample[];
}

/**
 * A metric that prom-client's registry can scrape. prom-client's own metrics build a string for each set of labels,
 * which takes about 300 ns per event. These metrics are cells that an event increments in place.
 */
export interface Scrapable {
  /** Not readonly, because the registry removes `_total` from the name of a counter for OpenMetrics. */
  name: string;
  readonly help: string;
  readonly type: Scraped["type"];
  get(): Promise<Scraped>;
  /** Called by `registry.resetMetrics()`. */
  reset(): void;
}

/**
 * Casts a scrapable to prom-client's type `Metric`, which lists only its own four classes. At run time, the registry uses
 * no more than the members of {@link Scrapable}.
 */
export function asMetric(scrapable: Scrapable): Metric {
  return scrapable as unknown as Metric;
}

/** The value of one series. The code that counts keeps the cell and writes to it. */
export interface Cell {
  value: number;
}

/** The description of a family. */
export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** @default "sum" */
  readonly aggregator?: Scraped["aggregator"];
}

/** All series of one counter or gauge. */
export class Family<Label extends string> implements Scrapable {
  name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly #aggregator: Scraped["aggregator"];
  readonly #series = new Map<string, Cell & { readonly labels: Readonly<Record<Label, string>> }>();
  /** Updates the cells before they are read. It must not reject, because the whole scrape would fail. */
  refresh: (() => Promise<void>) | undefined;

  constructor({ name, help, type, aggregator = "sum" }: FamilyOptions) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#aggregator = aggregator;
  }

  /** The cell of the series with these labels; a new series starts at 0. Keep the cell: this is too slow for each event. */
  cell(labels: Readonly<Record<Label, string>>): Cell {
    const key = keyOf(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, value: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  /** Removes a series whose value is unknown. */
  remove(labels: Readonly<Record<Label, string>>): void {
    this.#series.delete(keyOf(labels));
  }

  /** Removes all series. */
  clear(): void {
    this.#series.clear();
  }

  async get(): Promise<Scraped> {
    await this.refresh?.();
    const { name, help, type } = this;
    const values = [...this.#series.values()].map(({ labels, value }) => ({ labels, value }));
    return { name, help, type, aggregator: this.#aggregator, values };
  }

  reset(): void {
    for (const series of this.#series.values()) series.value = 0;
  }
}

/** The key of a set of labels. The labels of one family must always be in the same order. */
export function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.values(labels));
}
