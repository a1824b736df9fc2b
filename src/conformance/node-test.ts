/**
 * The conformance suite as tests of `node:test`.
 *
 * @example
 * import { describeConformance } from "queueport/conformance/node-test";
 * import { harness } from "./harness.ts";
 * describeConformance("redis", harness);
 * @module
 */
import { after, before, describe, test } from "node:test";
import { BoundRun, type DescribeOptions, testName } from "./binding.ts";
import type { ConformanceCase } from "./case.ts";
import type { HarnessSource } from "./conformance-run.ts";

export type { DescribeOptions } from "./binding.ts";

/** Number of cases that run side by side. */
const CONCURRENCY = 8;

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
  const define = (one: ConformanceCase): void => {
    void test(testName(one), (context) => run.test(one, (reason) => context.skip(reason)));
  };
  void describe(`conformance of ${name}`, () => {
    before(() => run.open());
    after(() => run.close());
    void describe("cases side by side", { concurrency: CONCURRENCY }, () => run.sideBySide.forEach(define));
    void describe("cases alone", { concurrency: 1 }, () => run.alone.forEach(define));
  });
}
