import type { JobStoreCase } from "./case.ts";
import { jobStoreCases } from "./cases/index.ts";
import { JobStoreConformanceRun, type RandomOptions } from "./conformance-run.ts";
import type { JobStoreHarnessSource } from "./harness.ts";

/** Options of `describeJobStoreConformance`. */
export interface DescribeJobStoreOptions extends RandomOptions {
  /** Selects the cases that become tests. @default all */
  readonly only?: ((one: JobStoreCase) => boolean) | undefined;
}

/** The cases of a test file, and the run of the suite that its tests share. */
export class BoundJobStoreRun {
  readonly cases: readonly JobStoreCase[];
  readonly #source: JobStoreHarnessSource;
  readonly #random: RandomOptions;
  #run: JobStoreConformanceRun | undefined;

  constructor(source: JobStoreHarnessSource, { only = () => true, ...random }: DescribeJobStoreOptions = {}) {
    this.cases = jobStoreCases().filter(only);
    this.#source = source;
    this.#random = random;
  }

  /** Opens the run. To be called before the first test. */
  async open(): Promise<void> {
    this.#run = await JobStoreConformanceRun.open(this.#source, this.#random);
  }

  /**
   * Runs the test of one case. Calls `skip` with the reason if the case does not apply.
   * @throws Error of a case that failed
   */
  async test(one: JobStoreCase, skip: (reason: string | undefined) => void): Promise<void> {
    const { status, reason, error } = await this.#run!.run(one);
    if (status === "skipped") skip(reason);
    if (status === "failed") throw error instanceof Error ? error : new Error(reason, { cause: error });
  }

  /** Closes the run. To be called after the last test. */
  async close(): Promise<void> {
    await this.#run?.close();
  }
}
