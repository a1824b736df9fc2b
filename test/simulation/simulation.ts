import type { Violation } from "./violation.ts";

/** The result of one run. */
export interface RunResult {
  readonly violations: readonly Violation[];
  /** Number of faults that happened, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  /** Number of crashes, by point. */
  readonly crashedAt: ReadonlyMap<string, number>;
  /** Number of times that each of the situations was reached that the simulation is for, by name. */
  readonly lines?: ReadonlyMap<string, number> | undefined;
  readonly virtualMs: number;
  readonly trace: readonly string[];
}

/** A simulation: plans that are drawn from seeds, and the rules that their runs must keep. */
export interface Simulation<P extends { readonly seed: number }> {
  /** The options of the command that run it. */
  readonly options: string;
  makePlan(seed: number): P;
  /** Executes a plan, and checks every rule. The same plan always has the same result. */
  runPlan(plan: P, traced?: boolean): Promise<RunResult>;
  /** Number of things that happen in a run, such as its messages. */
  weight(plan: P): number;
  /** Parts of a plan, each a list of which items can be left out. */
  readonly parts: readonly (keyof P)[];
  /** Plans that differ from a plan in one respect, and are simpler. */
  simplifications(plan: P): readonly P[];
  /** One line that describes a plan. */
  summary(plan: P): string;
}
