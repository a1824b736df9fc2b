/** The figures that a contender reports about its own process. */
export interface Figures {
  /** Messages per second. */
  readonly rate?: number;
  /** CPU time of this process per message, in µs. */
  readonly cpuMicros?: number;
  /** Median time of a single message, in ms. */
  readonly medianMs?: number;
  /** 99th percentile of the time of a single message, in ms. */
  readonly p99Ms?: number;
  /** Memory that the measured work added, in MiB. */
  readonly mib?: number;
  /** Resident set size at the end, in MiB. */
  readonly rssMiB?: number;
  /** Requests per message, counted at the server. */
  readonly requests?: number;
  /** All messages that the server has seen, including those of the warm-up. */
  readonly messages: number;
}

const MIB = 1_048_576;

/** Returns the settings that this process was started with. */
export function options(): unknown {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** Reports the figures to the parent process, or prints them if there is none, and ends this process. */
export function report(figures: Figures): void {
  const all = { rssMiB: process.memoryUsage().rss / MIB, ...figures };
  if (process.send === undefined) {
    process.stdout.write(`${JSON.stringify(all)}\n`);
    process.exit();
  }
  process.send(all, () => process.exit());
}

/** A measurement of `ms` milliseconds that starts `warmUpMs` after the first message. */
export interface Span {
  readonly warmUpMs: number;
  readonly ms: number;
}

/** A measurement of `messages` messages that starts after `warmUp` others. */
export interface Count {
  readonly warmUp: number;
  readonly messages: number;
}

/** The state from which a meter counts. */
interface Snapshot {
  readonly count: number;
  readonly at: number;
  readonly cpu: NodeJS.CpuUsage;
}

/** Counts messages, and measures rate and CPU time once the warm-up is over. */
export class Meter {
  readonly done: Promise<Figures>;
  readonly #begin: () => unknown;
  readonly #beginAt: number;
  readonly #endAt: number;
  readonly #resolve: (figures: Figures) => void;
  #count = 0;
  #from: Snapshot = this.#snapshot();

  constructor(extent: Count | Span) {
    const { promise, resolve } = Promise.withResolvers<Figures>();
    this.done = promise;
    this.#resolve = resolve;
    if ("ms" in extent) {
      this.#begin = () => this.#during(extent);
      this.#beginAt = 1;
      this.#endAt = Number.POSITIVE_INFINITY;
    } else {
      this.#begin = () => (this.#from = this.#snapshot());
      this.#beginAt = extent.warmUp;
      this.#endAt = extent.warmUp + extent.messages;
    }
  }

  readonly count = (): void => {
    this.#count += 1;
    if (this.#count === this.#beginAt) this.#begin();
    if (this.#count === this.#endAt) this.#resolve(this.#figures());
  };

  async #during({ warmUpMs, ms }: Span): Promise<void> {
    await after(warmUpMs);
    this.#from = this.#snapshot();
    await after(ms);
    this.#resolve(this.#figures());
  }

  #snapshot(): Snapshot {
    return { count: this.#count, at: performance.now(), cpu: process.cpuUsage() };
  }

  #figures(): Figures {
    const { count, at, cpu } = this.#from;
    const seconds = (performance.now() - at) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    const measured = this.#count - count;
    return { rate: measured / seconds, cpuMicros: (user + system) / measured, messages: this.#count };
  }
}

/** Resolves after `ms` milliseconds of real time. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Returns the median and the 99th percentile of the times of single messages. */
export function percentiles(times: readonly number[]): Figures {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  return { medianMs: at(0.5), p99Ms: at(0.99), messages: times.length };
}
