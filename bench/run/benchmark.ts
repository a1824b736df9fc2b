import type { Figures } from "../contenders/measure.ts";

export type Figure = keyof Figures;

/** The benchmarks of one suite. `quick` selects the short form. */
export type Suite = (quick: boolean) => readonly Benchmark[];

/** One way to do the measured work. Each run is a process of its own. */
export interface Contender {
  readonly name: string;
  /** Path in `bench/contenders`, without `.ts`. */
  readonly file: string;
  /** Settings for the process. If there are several, the best of them is found first, by one run of each. */
  readonly settings: readonly object[];
  /** Flags for Node. @default none */
  readonly execArgv?: readonly string[];
}

/** A limit for a figure of the first contender, which is queueport. */
export interface Threshold {
  readonly name: string;
  readonly figure: Figure;
  /** Name of the contender by whose figure ours is divided. */
  readonly over?: string;
  /** Name of the contender whose figure is subtracted from ours. */
  readonly above?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Contenders that do the same work in turn, for several rounds. */
export interface Benchmark {
  readonly name: string;
  /** Figure of the first columns of the table, by which the best settings are chosen too. @default "rate" */
  readonly shown?: Figure;
  readonly server?: {
    /** Path in `bench/servers`, without `.ts`. */
    readonly file: string;
    readonly name: string;
    /** Number of messages in the queue before each run. */
    readonly fill: number;
    /** Whether the benchmark is skipped, with a note, if the server does not start. @default false */
    readonly optional?: boolean;
  };
  readonly contenders: readonly [ours: Contender, ...others: Contender[]];
  readonly thresholds: readonly Threshold[];
  /** Whether the built package is measured. It is then built first. @default false */
  readonly built?: boolean;
  /** @default 5, or 3 with --quick */
  readonly rounds?: number;
}

/** The outcome for one threshold. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly reference: number | null;
  readonly ratio: number | null;
  readonly threshold: string;
  readonly holds: boolean;
}

/** The figures of every round, by name of the contender. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Returns one figure of all rounds of a contender, without the rounds that lack it. */
export function valuesOf(rounds: Rounds, contender: string, figure: Figure): number[] {
  return (rounds.get(contender) ?? []).flatMap((figures) => figures[figure] ?? []);
}

/** Compares medians with the thresholds. A median is not affected by a single round that was disturbed. */
export function evaluate({ thresholds, contenders }: Benchmark, rounds: Rounds): Result[] {
  return thresholds.map(({ name, figure, over, above, atLeast, atMost }) => {
    const ours = median(valuesOf(rounds, contenders[0].name, figure));
    const other = over ?? above;
    const reference = other === undefined ? null : median(valuesOf(rounds, other, figure));
    const ratio = over === undefined || reference === null ? null : ours / reference;
    const value = above === undefined || reference === null ? ours : ours - reference;
    const compared = ratio ?? value;
    const holds =
      compared >= (atLeast ?? Number.NEGATIVE_INFINITY) && compared <= (atMost ?? Number.POSITIVE_INFINITY);
    const threshold = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
    return { name, value, reference, ratio, threshold, holds };
  });
}
