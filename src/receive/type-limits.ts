import { describeError } from "../errors.ts";
import { show } from "../lib/text.ts";
import type { Reporter } from "./reporter.ts";

/**
 * Each type's own limit, as the user's callback tells it. That is asked wherever a slot comes free, where no message
 * is there to bear its mistakes: a type that it throws for runs one at a time, which is said once.
 */
export function typeLimits(
  concurrencyOf: (type: string) => number | undefined,
  reporter: Reporter,
): (type: string) => number | undefined {
  let isTold = false;
  return (type) => {
    try {
      return concurrencyOf(type);
    } catch (error) {
      if (!isTold) {
        reporter.warn(
          "concurrency_of",
          `concurrencyOf threw for ${show(type)}: ${describeError(error)}. Jobs of a type that it throws for run one at a time.`,
        );
      }
      isTold = true;
      return 1;
    }
  };
}
