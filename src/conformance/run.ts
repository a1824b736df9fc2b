import type { ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases/index.ts";
import { ConformanceRun, type HarnessSource, type Summary } from "./conformance-run.ts";
import type { CaseResult } from "./run-case.ts";

/** Options of {@link runConformance}. */
export interface RunOptions {
  /** Selects the cases that run. @default all */
  readonly only?: ((one: ConformanceCase) => boolean) | undefined;
  /** Called with the result of each case when it ends. */
  readonly onResult?: ((result: CaseResult) => void) | undefined;
  /** Number of cases at once in real time. On a virtual clock it is always 1. @default 8 */
  readonly concurrency?: number | undefined;
}

/**
 * Runs the suite against one adapter, then closes the harness. A case that fails is a result and not an error.
 *
 * @example
 * const { failed } = await runConformance(harness, { onResult: ({ status, name }) => console.log(status, name) });
 * @throws Error if a deviation of the harness names no case, or if the adapter cannot be asked for its capabilities
 */
export async function runConformance(source: HarnessSource, options: RunOptions = {}): Promise<Summary> {
  const { only = () => true, onResult, concurrency = 8 } = options;
  const run = await ConformanceRun.open(source);
  const chosen = conformanceCases().filter(only);
  const runAll = async (cases: ConformanceCase[]): Promise<void> => {
    for (let one = cases.shift(); one !== undefined; one = cases.shift()) {
      // Awaited on its own: without `onResult`, the arguments of an optional call are not evaluated.
      const result = await run.run(one);
      onResult?.(result);
    }
  };
  try {
    const together = chosen.filter((one) => one.alone !== true);
    await Promise.all(Array.from({ length: concurrency }, () => runAll(together)));
    await runAll(chosen.filter((one) => one.alone === true));
    return run.summary;
  } finally {
    await run.close();
  }
}
