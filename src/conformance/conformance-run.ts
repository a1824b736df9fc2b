import type { ConformanceCase } from "./case.ts";
import { conformanceCases } from "./cases/index.ts";
import { type Declared, declare, type Harness } from "./harness.ts";
import { type CaseResult, runCase } from "./run-case.ts";

/** The result of a run of the suite. */
export interface Summary {
  readonly adapter: string;
  readonly server: string | undefined;
  readonly declared: Declared;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

/** A harness, or a function that starts one. */
export type HarnessSource = Harness | (() => Harness | Promise<Harness>);

/**
 * One run of the suite against one adapter, case by case. Bindings for test runners are built on it.
 *
 * @example
 * const run = await ConformanceRun.open(harness);
 * for (const one of conformanceCases()) console.log((await run.run(one)).status, one.name);
 * await run.close();
 */
export class ConformanceRun {
  readonly harness: Harness;
  readonly declared: Declared;
  readonly #results: CaseResult[] = [];
  #last: Promise<unknown> = Promise.resolve();

  private constructor(harness: Harness, declared: Declared) {
    this.harness = harness;
    this.declared = declared;
  }

  /**
   * Starts the harness and asks the adapter for its capabilities.
   * @throws Error if a deviation of the harness names no case, or if the adapter cannot be asked
   */
  static async open(source: HarnessSource): Promise<ConformanceRun> {
    const harness = typeof source === "function" ? await source() : source;
    try {
      checkDeviations(harness);
      return new ConformanceRun(harness, await declare(harness));
    } catch (error) {
      await harness.close?.();
      throw error;
    }
  }

  /**
   * Runs one case. It never rejects. Calls may overlap, except for cases that must run alone. On a virtual clock, cases
   * run one after the other, since each moves the time of all.
   */
  run(one: ConformanceCase): Promise<CaseResult> {
    const start = async (): Promise<CaseResult> => {
      const result = await runCase(one, this.harness, this.declared);
      this.#results.push(result);
      return result;
    };
    if (this.harness.clock === undefined) return start();
    const result = this.#last.then(start);
    this.#last = result;
    return result;
  }

  /** Sums up the cases that have run so far, in the order of the suite. */
  get summary(): Summary {
    const { name, server } = this.harness;
    const order = conformanceCases().map((one) => one.name);
    const results = this.#results.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    const count = (status: CaseResult["status"]): number =>
      results.filter((result) => result.status === status).length;
    return {
      adapter: name,
      server,
      declared: this.declared,
      passed: count("passed"),
      failed: count("failed"),
      skipped: count("skipped"),
      results,
    };
  }

  /** Closes the harness. */
  async close(): Promise<void> {
    await this.harness.close?.();
  }
}

function checkDeviations({ name, deviations = {} }: Harness): void {
  const known = new Set(conformanceCases().map((one) => one.name));
  const unknown = Object.keys(deviations).filter((one) => !known.has(one));
  if (unknown.length === 0) return;
  throw new Error(
    `The harness "${name}" has deviations for cases that do not exist: ${unknown.map((one) => `"${one}"`).join(", ")}. Take the names from conformanceCases().`,
  );
}
