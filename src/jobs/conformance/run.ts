import { jobStoreCases } from "./cases/index.ts";
import type { JobStoreCase } from "./case.ts";
import {
  type JobStoreCaseResult,
  JobStoreConformanceRun,
  type JobStoreSummary,
  type RandomOptions,
} from "./conformance-run.ts";
import type { JobStoreHarnessSource } from "./harness.ts";

/** Options of {@link runJobStoreConformance}. */
export interface JobStoreRunOptions extends RandomOptions {
  /** Selects the cases that run. @default all */
  readonly only?: ((one: JobStoreCase) => boolean) | undefined;
  /** Called with the result of each case when it ends. */
  readonly onResult?: ((result: JobStoreCaseResult) => void) | undefined;
}

/**
 * Runs the suite against one job store, then closes the store and the harness. A case that fails is a result and not an
 * error.
 *
 * @example
 * const { failed } = await runJobStoreConformance(harness, { onResult: ({ status, name }) => console.log(status, name) });
 */
export async function runJobStoreConformance(
  source: JobStoreHarnessSource,
  { only = () => true, onResult, ...random }: JobStoreRunOptions = {},
): Promise<JobStoreSummary> {
  const run = await JobStoreConformanceRun.open(source, random);
  try {
    for (const one of jobStoreCases().filter(only)) {
      const result = await run.run(one);
      onResult?.(result);
    }
    return run.summary;
  } finally {
    await run.close();
  }
}
