/**
 * The conformance suite for job stores as tests of `node:test`.
 *
 * @example
 * import { describeJobStoreConformance } from "queueport/jobs/conformance/node-test";
 * import { harness } from "./harness.ts";
 * describeJobStoreConformance("sqlite", harness);
 * @module
 */
import { after, before, describe, test } from "node:test";
import { BoundJobStoreRun, type DescribeJobStoreOptions } from "./binding.ts";
import type { JobStoreHarnessSource } from "./harness.ts";

export type { DescribeJobStoreOptions } from "./binding.ts";

/** Declares one test for each case of the suite. A case that does not apply to the store is skipped with its reason. */
export function describeJobStoreConformance(
  name: string,
  harness: JobStoreHarnessSource,
  options: DescribeJobStoreOptions = {},
): void {
  const run = new BoundJobStoreRun(harness, options);
  void describe(`conformance of the job store ${name}`, { concurrency: 1 }, () => {
    before(() => run.open());
    after(() => run.close());
    for (const one of run.cases)
      void test(`${one.group}: ${one.name}`, (context) => run.test(one, (reason) => context.skip(reason)));
  });
}
