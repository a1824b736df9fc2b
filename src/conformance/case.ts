import type { Declared, Harness } from "./harness.ts";
import type { Stage } from "./kit/stage.ts";

export type Group = "delivery" | "acknowledgement" | "failure" | "delay" | "ordering" | "lifecycle";

/** One thing that every adapter must do. */
export interface ConformanceCase {
  /** Says what is to be seen; no other case has it. */
  readonly name: string;
  readonly group: Group;
  /** The id of the line of the manifest that it proves. */
  readonly line: string;
  /** Why it does not apply, by what is declared or by what the harness cannot do; undefined where it applies. */
  readonly skip?: ((declared: Declared, harness: Harness) => string | undefined) | undefined;
  /** Whether it disturbs what runs beside it: it breaks connections, or keeps the machine busy. @default false */
  readonly alone?: boolean | undefined;
  /** Resolves where the adapter conforms, and rejects with what it did otherwise. */
  run(stage: Stage): Promise<void>;
}

/** A case that has to be run alone. */
export function alone(one: ConformanceCase): ConformanceCase {
  return { ...one, alone: true };
}

/** Makes the cases of one group. */
export function caseMaker(
  group: Group,
): (
  line: string,
  name: string,
  run: ConformanceCase["run"],
  skip?: ConformanceCase["skip"],
) => ConformanceCase {
  return (line, name, run, skip) => ({ name, group, line, skip, run });
}
