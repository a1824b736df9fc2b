import { keyOf, type Sample, type Scrapable, type Scraped } from "./family.ts";

/** Upper bounds of the buckets in seconds, from 5 ms to 1 hour. */
export const BUCKETS_SECONDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
];

const BOUNDS_MS: readonly number[] = BUCKETS_SECONDS.map((seconds) => seconds * 1_000);

/** The distribution of one series. */
export class Distribution {
  /** Count per bucket, not cumulative. The last bucket has no upper bound. */
  readonly #counts: number[] = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0);
  /** Sum in milliseconds, since sums of whole numbers are exact. */
  #sumMs = 0;

  observe(ms: number): void {
    // A wait is negative if the clocks of two machines differ. NaN is replaced because it would make the sum NaN forever.
    const value = ms > 0 ? ms : 0;
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && value > (BOUNDS_MS[bucket] as number)) bucket += 1;
    (this.#counts[bucket] as number) += 1;
    this.#sumMs += value;
  }

  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let count = 0;
    const samples: Sample[] = this.#counts.map((inBucket, index) => {
      count += inBucket;
      const le = index < BUCKETS_SECONDS.length ? String(BUCKETS_SECONDS[index]) : "+Inf";
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
    });
    samples.push({ metricName: `${name}_sum`, labels, value: this.#sumMs / 1_000 });
    samples.push({ metricName: `${name}_count`, labels, value: count });
    return samples;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#sumMs = 0;
  }
}

/** All series of one histogram of durations. Observed in milliseconds, scraped in seconds. */
export class DurationHistogram<Label extends string> implements Scrapable {
  name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly #series = new Map<
    string,
    { readonly labels: Readonly<Record<Label, string>>; readonly distribution: Distribution }
  >();

  constructor({ name, help }: { readonly name: string; readonly help: string }) {
    this.name = name;
    this.help = help;
  }

  /** The distribution of the series with these labels. Keep it: this is too slow for each event. */
  distribution(labels: Readonly<Record<Label, string>>): Distribution {
    const key = keyOf(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, distribution: new Distribution() };
      this.#series.set(key, series);
    }
    return series.distribution;
  }

  get(): Promise<Scraped> {
    const { name, help, type } = this;
    const values = [...this.#series.values()].flatMap(({ labels, distribution }) =>
      distribution.samples(name, labels),
    );
    return Promise.resolve({ name, help, type, aggregator: "sum", values });
  }

  reset(): void {
    for (const { distribution } of this.#series.values()) distribution.reset();
  }
}
