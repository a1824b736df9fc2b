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

/** Counts messages: leaves out the first ones, and then takes the time of all that follow. */
export class Meter {
  readonly done: Promise<Figures>;
  readonly #warmUp: number;
  readonly #last: number;
  readonly #resolve: (figures: Figures) => void;
  readonly #first = Promise.withResolvers<void>();
  #count = 0;
  #startedAt = 0;
  #cpu: NodeJS.CpuUsage | undefined;

  constructor(warmUp: number, messages: number) {
    const { promise, resolve } = Promise.withResolvers<Figures>();
    this.done = promise;
    this.#resolve = resolve;
    this.#warmUp = warmUp;
    this.#last = warmUp + messages;
  }

  readonly count = (): void => {
    this.#count += 1;
    if (this.#count === 1) this.#first.resolve();
    if (this.#count === this.#warmUp) this.#begin();
    if (this.#count === this.#last) this.#resolve(this.#figures());
  };

  /** For what takes its time: counts from `warmUpMs` after the first message for `ms`, however long that takes to come. */
  async during(warmUpMs: number, ms: number): Promise<Figures> {
    await this.#first.promise;
    await after(warmUpMs);
    const before = this.#count;
    this.#begin();
    await after(ms);
    return this.#figures(before);
  }

  #begin(): void {
    this.#cpu = process.cpuUsage();
    this.#startedAt = performance.now();
  }

  #figures(before: number = this.#warmUp): Figures {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const { user, system } = process.cpuUsage(this.#cpu);
    const measured = this.#count - before;
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
