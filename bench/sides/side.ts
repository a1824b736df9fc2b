/** What one side of a contest measured of itself. */
export interface Figures {
  /** Messages a second. */
  readonly rate?: number;
  /** Of this process, a message. */
  readonly cpuMicros?: number;
  /** The median of what a single message took. */
  readonly medianMs?: number;
  readonly p99Ms?: number;
  /** Above an empty process's. */
  readonly mib?: number;
  readonly rssMiB?: number;
  /** Counted at the server, a message. */
  readonly requests?: number;
  /** All that the server has seen of, those of the warm-up included. */
  readonly messages: number;
}

const MIB = 1_048_576;

/** The options that this process was started with. */
export function options(): unknown {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** Tells the figures to the process that started this one, and ends. */
export function tell(figures: Figures): void {
  const told = { rssMiB: process.memoryUsage().rss / MIB, ...figures };
  if (process.send === undefined) {
    process.stdout.write(`${JSON.stringify(told)}\n`);
    process.exit();
  }
  process.send(told, () => process.exit());
}

/** What is measured of what takes its time: it begins with the first message, however long that takes to come. */
export interface Span {
  readonly warmUpMs: number;
  readonly ms: number;
}

/** What is measured of the rest. */
export interface Count {
  readonly warmUp: number;
  readonly messages: number;
}

/** From where a meter counts. */
interface Mark {
  readonly count: number;
  readonly at: number;
  readonly cpu: NodeJS.CpuUsage;
}

/** Counts messages: leaves out the first ones, and then takes the time of those that follow. */
export class Meter {
  readonly done: Promise<Figures>;
  readonly #begin: () => unknown;
  readonly #beginAt: number;
  readonly #endAt: number;
  readonly #resolve: (figures: Figures) => void;
  #count = 0;
  #from: Mark = this.#mark();

  constructor(extent: Count | Span) {
    const { promise, resolve } = Promise.withResolvers<Figures>();
    this.done = promise;
    this.#resolve = resolve;
    if ("ms" in extent) {
      this.#begin = () => this.#during(extent);
      this.#beginAt = 1;
      this.#endAt = Number.POSITIVE_INFINITY;
    } else {
      this.#begin = () => (this.#from = this.#mark());
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
    this.#from = this.#mark();
    await after(ms);
    this.#resolve(this.#figures());
  }

  #mark(): Mark {
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

export function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Median and 99th percentile of single messages. */
export function percentiles(times: readonly number[]): Figures {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  return { medianMs: at(0.5), p99Ms: at(0.99), messages: times.length };
}

/** Calls `work` for each of `count` numbers, `width` of them at once. */
export async function inParallel(
  count: number,
  width: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}
