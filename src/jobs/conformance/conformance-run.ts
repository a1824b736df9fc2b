import type { JobStoreCase } from "./case.ts";
import type { JobStoreHarness, JobStoreHarnessSource } from "./harness.ts";
import { FINGERPRINT, StoreContext } from "./kit/store-context.ts";
import type { JobStore, JobStoreCapabilities } from "../store/job-store.ts";

/** The result of one case. */
export interface JobStoreCaseResult {
  readonly name: string;
  readonly group: string;
  readonly status: "passed" | "failed" | "skipped";
  /** Reason for the skip, or the observation and the expectation of a case that failed. */
  readonly reason?: string | undefined;
  /** The error of a case that failed. */
  readonly error?: unknown;
  readonly durationMs: number;
}

/** The result of a run of the suite. */
export interface JobStoreSummary {
  readonly store: string;
  readonly capabilities: JobStoreCapabilities;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly JobStoreCaseResult[];
}

/** The settings of the random cases. */
export interface RandomOptions {
  /** The same seed gives the same changes. A failure names it. @default 1 */
  readonly seed?: number | undefined;
  /** Steps of each random case. @default 400 */
  readonly steps?: number | undefined;
}

/** Milliseconds after which a case counts as hanging. */
const CASE_MS = 60_000;

/**
 * One run of the suite against one store, case by case. Bindings for test runners are built on it. The cases share a clock,
 * so they run one after the other.
 *
 * @example
 * const run = await JobStoreConformanceRun.open(harness);
 * for (const one of jobStoreCases()) console.log((await run.run(one)).status, one.name);
 * await run.close();
 */
export class JobStoreConformanceRun {
  readonly harness: JobStoreHarness;
  readonly #store: JobStore;
  readonly #random: { readonly seed: number; readonly steps: number };
  readonly #results: JobStoreCaseResult[] = [];
  readonly #id = Math.random().toString(36).slice(2, 10);
  #last: Promise<unknown> = Promise.resolve();

  private constructor(harness: JobStoreHarness, store: JobStore, { seed = 1, steps = 400 }: RandomOptions) {
    this.harness = harness;
    this.#store = store;
    this.#random = { seed, steps };
  }

  /** Starts the harness, opens the store, and creates its schema. */
  static async open(
    source: JobStoreHarnessSource,
    options: RandomOptions = {},
  ): Promise<JobStoreConformanceRun> {
    const harness = typeof source === "function" ? await source() : source;
    const store = await harness.open();
    await store.migrate();
    return new JobStoreConformanceRun(harness, store, options);
  }

  /** Runs one case, after those before. Never rejects. */
  run(one: JobStoreCase): Promise<JobStoreCaseResult> {
    const result = this.#last.then(() => this.#run(one));
    this.#last = result;
    return result;
  }

  get summary(): JobStoreSummary {
    const count = (status: JobStoreCaseResult["status"]): number =>
      this.#results.filter((one) => one.status === status).length;
    return {
      store: this.harness.name,
      capabilities: this.#store.capabilities,
      passed: count("passed"),
      failed: count("failed"),
      skipped: count("skipped"),
      results: [...this.#results],
    };
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#store.close();
    await this.harness.close?.();
  }

  async #run(one: JobStoreCase): Promise<JobStoreCaseResult> {
    const result = await this.#outcome(one);
    this.#results.push(result);
    return result;
  }

  async #outcome(one: JobStoreCase): Promise<JobStoreCaseResult> {
    const { name, group } = one;
    const reason = one.skip?.(this.#store.capabilities);
    if (reason !== undefined) return { name, group, status: "skipped", reason, durationMs: 0 };
    const namespace = `case-${this.#id}-${this.#results.length}`;
    const context = new StoreContext(this.harness, this.#store, { namespace, ...this.#random });
    const startedAt = performance.now();
    const duration = (): number => performance.now() - startedAt;
    try {
      await this.#store.open(namespace, FINGERPRINT);
      await withinTime(one.run(context));
      return { name, group, status: "passed", durationMs: duration() };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { name, group, status: "failed", reason: text, error, durationMs: duration() };
    } finally {
      await withinTime(context.close()).catch(() => undefined);
    }
  }
}

function withinTime(work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const hangs = (): void => reject(new Error(`the case has not ended after ${CASE_MS} ms`));
    const timeout = setTimeout(hangs, CASE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timeout));
  });
}
