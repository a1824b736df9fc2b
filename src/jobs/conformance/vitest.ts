/**
 * The conformance suite for job stores as tests of vitest.
 *
 * @example
 * import { describeJobStoreConformance } from "queueport/jobs/conformance/vitest";
 * import { harness } from "./harness.ts";
 * describeJobStoreConformance("sqlite", harness);
 * @module
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import { BoundJobStoreRun, type DescribeJobStoreOptions } from "./binding.ts";
import type { JobStoreCase } from "./case.ts";
import type { JobStoreHarnessSource } from "./harness.ts";

export type { DescribeJobStoreOptions } from "./binding.ts";

/** No limit. A case has a deadline of its own. */
const NO_TIMEOUT = 0;

/** Declares one test for each case of the suite. A case that does not apply to the store is skipped with its reason. */
export function describeJobStoreConformance(
  name: string,
  harness: JobStoreHarnessSource,
  options: DescribeJobStoreOptions = {},
): void {
  const run = new BoundJobStoreRun(harness, options);
  describe(`conformance of the job store ${name}`, () => {
    beforeAll(() => run.open());
    afterAll(() => run.close());

    const define = (one: JobStoreCase, declare: typeof test): void => {
      declare(`${one.group}: ${one.name}`, { timeout: NO_TIMEOUT }, (context) =>
        run.test(one, (reason) => context.skip(reason)),
      );
    };
    for (const one of run.cases) define(one, test);
  });
}
