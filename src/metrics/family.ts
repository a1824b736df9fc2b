import type { Metric } from "prom-client";

/** One sample, as prom-client's registry prints it. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Where it is not the family's own name. */
  readonly metricName?: string;
}

/** What prom-client's registry asks a metric for, on every scrape. */
export interface Scraped {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** How the processes of a Node cluster are put together. */
  readonly aggregator: "sum" | "max";
  readonly values: readonly Sample[];
}

/**
 * A metric of our own in a prom-client registry. prom-client's metrics look a label set up by building a string,
 * some 300 ns each time; ours are cells that an event increments in place, read only when they are scraped.
 */
export interface Scrapable {
  /** Not readonly: for OpenMetrics, the registry itself cuts `_total` off a counter's name. */
  name: string;
  readonly help: string;
  readonly type: Scraped["type"];
  get(): Promise<Scraped>;
  /** For `registry.resetMetrics()`. */
  reset(): void;
}

/**
 * A scrapable as prom-client's types want it. They list its own four classes; the registry at run time uses no
 * more than {@link Scrapable}.
 */
export function asMetric(scrapable: Scrapable): Metric {
  return scrapable as unknown as Metric;
}

/** One series: whoever counts keeps it and writes to it. */
export interface Cell {
  value: number;
}

/** What a family is, beside its labels. */
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
  /** Brings the cells up to date before they are read. It must not reject, lest the whole scrape fail. */
  refresh: (() => Promise<void>) | undefined;

  constructor({ name, help, type, aggregator = "sum" }: FamilyOptions) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#aggregator = aggregator;
  }

  /** The series with these labels, made at 0 where it is new. Too slow for every event: keep the cell. */
  cell(labels: Readonly<Record<Label, string>>): Cell {
    const key = keyOf(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, value: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  /** Takes a series away, for a value that is not known any more. */
  remove(labels: Readonly<Record<Label, string>>): void {
    this.#series.delete(keyOf(labels));
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

/** A key for a set of labels. A family's labels are always given in the same order. */
export function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.values(labels));
}
