import type { CaseContext } from "./kit/case-context.ts";
import type { Skip } from "./kit/skips.ts";

/** A group of cases. Each has a folder in `cases/`, and its name is the first part of the ids of its requirements. */
export type Group =
  | "contract"
  | "delivery"
  | "acknowledgement"
  | "failure"
  | "delay"
  | "ordering"
  | "lifecycle";

/** One behaviour that every adapter must show. */
export interface ConformanceCase {
  /** A sentence: subject, condition, result. It is unique. */
  readonly name: string;
  readonly group: Group;
  /** The id of the requirement in the manifest that the case proves. */
  readonly requirement: string;
  /**
   * Returns why the case does not apply, judged by what the adapter declares and by what the harness can do.
   * `undefined` if the case applies.
   */
  readonly skip?: Skip | undefined;
  /** Whether the case must run alone, since it breaks connections or keeps the machine busy. @default false */
  readonly alone?: boolean | undefined;
  /** Resolves if the adapter conforms. Rejects with an error that states what was observed and what was expected. */
  run(context: CaseContext): Promise<void>;
}

/** Completes a case with its group. */
export function defineCase(
  one: Omit<ConformanceCase, "group"> & { readonly requirement: `${Group}.${string}` },
): ConformanceCase {
  return { ...one, group: one.requirement.split(".")[0] as Group };
}
