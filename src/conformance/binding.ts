import type { ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases/index.ts";
import { ConformanceRun, type HarnessSource, type Summary } from "./conformance-run.ts";

/** Options of `describeConformance`. */
export interface DescribeOptions {
  /** Selects the cases that become tests. @default all */
  readonly only?: ((one: ConformanceCase) => boolean) | undefined;
  /** Whether cases run side by side, except those that must run alone. On a virtual clock they never do. @default true */
  readonly concurrent?: boolean | undefined;
  /** Called once after the last case, before the harness is closed. An error that it throws fails the test run. */
  readonly onSummary?: ((summary: Summary) => void | Promise<void>) | undefined;
}

/** The cases of a test file, and the run of the suite that its tests share. */
export class BoundRun {
  readonly sideBySide: readonly ConformanceCase[];
  readonly alone: readonly ConformanceCase[];
  readonly #source: HarnessSource;
  readonly #onSummary: DescribeOptions["onSummary"];
  #run: ConformanceRun | undefined;

  constructor(
    source: HarnessSource,
    { only = () => true, concurrent = true, onSummary }: DescribeOptions = {},
  ) {
    const chosen = conformanceCases().filter(only);
    const isAlone = (one: ConformanceCase): boolean => !concurrent || one.alone === true;
    this.sideBySide = chosen.filter((one) => !isAlone(one));
    this.alone = chosen.filter(isAlone);
    this.#source = source;
    this.#onSummary = onSummary;
  }

  /** Opens the run. To be called before the first test. */
  async open(): Promise<void> {
    this.#run = await ConformanceRun.open(this.#source);
  }

  /**
   * Runs the test of one case. Calls `skip` with the reason if the case does not apply.
   * @throws Error of a case that failed, with the whole reason in its message
   */
  async test(one: ConformanceCase, skip: (reason: string | undefined) => void): Promise<void> {
    const { status, reason, error } = await this.#run!.run(one);
    if (status === "skipped") skip(reason);
    if (status !== "failed") return;
    throw error instanceof Error && error.message === reason ? error : new Error(reason, { cause: error });
  }

  /** Reports the summary and closes the run. To be called after the last test. */
  async close(): Promise<void> {
    if (this.#run === undefined) return;
    try {
      await this.#onSummary?.(this.#run.summary);
    } finally {
      await this.#run.close();
    }
  }
}

/** Returns the name of the test of a case. */
export function testName({ group, name }: ConformanceCase): string {
  return `${group}: ${name}`;
}
