import type { Figures } from "../sides/side.ts";

export type Figure = keyof Figures;

/** One way to do something, in a process of its own. */
export interface Side {
  readonly name: string;
  /** In bench/sides; TypeScript, unless its name says otherwise. */
  readonly file: string;
  /** What the process is started with. Several: the best of them is found first, by one run of each. */
  readonly settings: readonly object[];
  /** Flags of Node. @default none */
  readonly execArgv?: readonly string[];
}

/** What has to come out. */
export interface Bar {
  readonly name: string;
  readonly figure: Figure;
  /** The side that ours is divided by, or that is subtracted from ours. Without, our figure stands for itself. */
  readonly over?: string;
  readonly above?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Ours and others at the same work, one after the other, again and again. */
export interface Contest {
  readonly name: string;
  /** What the sides are shown by, and the best settings chosen by. @default "rate" */
  readonly shown?: Figure;
  readonly server?: {
    readonly file: string;
    readonly name: string;
    readonly fill: number;
    /** Left out, with a word, where the server does not start. @default false */
    readonly optional?: boolean;
  };
  readonly sides: readonly [ours: Side, ...others: Side[]];
  readonly bars: readonly Bar[];
  /** Whether it is about the built package, which is then built first. @default false */
  readonly built?: boolean;
  /** @default 5, or 3 with --quick */
  readonly rounds?: number;
}

/** What came of one bar. */
export interface Verdict {
  readonly name: string;
  readonly value: number;
  readonly reference: number | null;
  readonly ratio: number | null;
  readonly bar: string;
  readonly holds: boolean;
}

/** The figures of every round, by side. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What one side's rounds have of a figure. */
export function valuesOf(rounds: Rounds, side: string, figure: Figure): number[] {
  return (rounds.get(side) ?? []).flatMap((figures) => figures[figure] ?? []);
}

/** By medians, since a round is disturbed now and then. */
export function judge({ bars, sides }: Contest, rounds: Rounds): Verdict[] {
  return bars.map(({ name, figure, over, above, atLeast, atMost }) => {
    const ours = median(valuesOf(rounds, sides[0].name, figure));
    const other = over ?? above;
    const reference = other === undefined ? null : median(valuesOf(rounds, other, figure));
    const ratio = over === undefined || reference === null ? null : ours / reference;
    const value = above === undefined || reference === null ? ours : ours - reference;
    const judged = ratio ?? value;
    const holds =
      judged >= (atLeast ?? Number.NEGATIVE_INFINITY) && judged <= (atMost ?? Number.POSITIVE_INFINITY);
    const bar = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
    return { name, value, reference, ratio, bar, holds };
  });
}
