/**
 * The conformance suite as tests of vitest.
 *
 * @example
 * import { describeConformance } from "queueport/conformance/vitest";
 * import { harness } from "./harness.ts";
 * describeConformance("redis", harness);
 * @module
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import { BoundRun, type DescribeOptions, testName } from "./binding.ts";
import type { ConformanceCase } from "./case.ts";
import type { HarnessSource } from "./conformance-run.ts";

export type { DescribeOptions } from "./binding.ts";

/** Milliseconds in which a harness must start and close. */
const HOOK_MS = 300_000;
/** No limit. A case has a deadline of its own, `timing.caseMs`, and its error states what the case waited for. */
const NO_TIMEOUT = 0;

/**
 * Declares one test for each case of the suite. A case that does not apply to the adapter is skipped with its reason.
 * @param name name of the adapter
 * @param harness harness of the adapter, or a function that starts one
 */
export function describeConformance(
  name: string,
  harness: HarnessSource,
  options: DescribeOptions = {},
): void {
  const run = new BoundRun(harness, options);
  describe(`conformance of ${name}`, () => {
    beforeAll(() => run.open(), HOOK_MS);
    afterAll(() => run.close(), HOOK_MS);

    const define = (one: ConformanceCase, declare: typeof test.concurrent): void => {
      declare(testName(one), { timeout: NO_TIMEOUT }, (context) =>
        run.test(one, (reason) => context.skip(reason)),
      );
    };
    for (const one of run.sideBySide) define(one, test.concurrent);
    for (const one of run.alone) define(one, test);
  });
}
