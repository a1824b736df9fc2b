import type { ConformanceCase, Group } from "./case.ts";
import { conformanceCases } from "./cases.ts";
import { type Declared, type Harness, timingOf } from "./harness.ts";
import { Stage } from "./kit/stage.ts";

/** How one case ended. */
export interface CaseResult {
  readonly name: string;
  readonly group: Group;
  readonly status: "passed" | "failed" | "skipped";
  /** Why it was skipped, or what went wrong. */
  readonly reason?: string | undefined;
  /** What it threw, where it failed. */
  readonly error?: unknown;
  /** What it has to tell beside its verdict: duplicates, figures that the provider does not give. */
  readonly notes: readonly string[];
  readonly durationMs: number;
  /** For how long this process stood still meanwhile: a case that failed may have failed for that. 0 on a virtual clock. */
  readonly stalledMs: number;
}

/** How a run of the suite ended. */
export interface Summary {
  readonly adapter: string;
  readonly server: string | undefined;
  readonly declared: Declared;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

export interface RunOptions {
  /** Runs only the cases for which this holds. */
  readonly only?: ((one: ConformanceCase) => boolean) | undefined;
  readonly onResult?: ((result: CaseResult) => void) | undefined;
  /** Cases at once, where they wait in real time. On a virtual clock it is always one. @default 8 */
  readonly concurrency?: number | undefined;
}

/**
 * Runs the suite against one adapter. It rejects only where the adapter cannot be asked what it
 * declares; that a case fails is a result.
 *
 * @example
 * const { failed } = await runConformance(harness, { onResult: ({ status, name }) => console.log(status, name) });
 */
export async function runConformance(harness: Harness, options: RunOptions = {}): Promise<Summary> {
  const { only = () => true, onResult, concurrency = 8 } = options;
  const declared = await declare(harness);
  const chosen = conformanceCases().filter(only);
  const results = new Map<ConformanceCase, CaseResult>();
  const runAll = async (cases: ConformanceCase[]): Promise<void> => {
    for (let one = cases.shift(); one !== undefined; one = cases.shift()) {
      const result = await runCase(one, harness, declared);
      results.set(one, result);
      onResult?.(result);
    }
  };
  // One turns a virtual clock for all: what runs beside it would see time pass that it has not let pass.
  const isTogether = (one: ConformanceCase): boolean => harness.clock === undefined && one.alone !== true;
  const together = chosen.filter(isTogether);
  await Promise.all(Array.from({ length: concurrency }, () => runAll(together)));
  await runAll(chosen.filter((one) => !isTogether(one)));
  return summarize(
    harness,
    declared,
    chosen.flatMap((one) => results.get(one) ?? []),
  );
}

export function summarize(harness: Harness, declared: Declared, results: readonly CaseResult[]): Summary {
  const count = (status: CaseResult["status"]): number =>
    results.filter((result) => result.status === status).length;
  return {
    adapter: harness.name,
    server: harness.server,
    declared,
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    results,
  };
}

/** Asks the adapter what it declares, of a queue without order and of one with. */
export async function declare(harness: Harness): Promise<Declared> {
  const driver = await harness.open();
  const { leaseMs } = timingOf(harness);
  const traitsOf = async (ordering: "none" | "by_key"): Promise<Declared["traits"]> => {
    const queue = await harness.makeQueue({ ordering, leaseMs, maxAttempts: 5 });
    try {
      return await driver.describe(queue);
    } finally {
      await harness.dropQueue(queue);
    }
  };
  try {
    return {
      limits: driver.limits,
      traits: await traitsOf("none"),
      orderedTraits: harness.ordered === false ? undefined : await traitsOf("by_key"),
    };
  } finally {
    await driver.close();
  }
}

/** Runs one case. It never rejects. A case that hangs has failed, at its deadline. */
export async function runCase(
  one: ConformanceCase,
  harness: Harness,
  declared: Declared,
): Promise<CaseResult> {
  const { name, group } = one;
  const reason = harness.deviations?.[name] ?? one.skip?.(declared, harness);
  if (reason !== undefined)
    return { name, group, status: "skipped", reason, notes: [], durationMs: 0, stalledMs: 0 };
  const stage = new Stage(harness, declared);
  const { caseMs } = stage.timing;
  const startedAt = performance.now();
  const end = (status: CaseResult["status"], error?: unknown): CaseResult => ({
    name,
    group,
    status,
    ...(status === "failed" ? { error, reason: error instanceof Error ? error.message : String(error) } : {}),
    notes: stage.notes,
    durationMs: performance.now() - startedAt,
    stalledMs: stage.stalledMs,
  });
  let result: CaseResult;
  try {
    await withinRealTime(one.run(stage), caseMs, `"${name}" has not ended after ${caseMs} ms`);
    result = end("passed");
  } catch (error) {
    result = end("failed", error);
  }
  await withinRealTime(stage.close(), caseMs, "").catch(() => undefined);
  return result;
}

function withinRealTime(work: Promise<void>, ms: number, orElse: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(new Error(orElse)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timeout));
  });
}
