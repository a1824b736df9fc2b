import type { ConformanceCase, Group } from "./case.ts";
import type { Declared, Harness } from "./harness.ts";
import { CaseContext } from "./kit/case-context.ts";

/** The result of one case. */
export interface CaseResult {
  readonly name: string;
  readonly group: Group;
  readonly status: "passed" | "failed" | "skipped";
  /** Reason for the skip, or the observation and the expectation of a case that failed. */
  readonly reason?: string | undefined;
  /** The error of a case that failed. */
  readonly error?: unknown;
  /** Remarks in addition to the status: duplicates, counts that the provider does not give. */
  readonly notes: readonly string[];
  readonly durationMs: number;
  /** Milliseconds for which this process stood still meanwhile. 0 on a virtual clock. */
  readonly stalledMs: number;
}

/** A failed case whose process stood still for longer than this, in milliseconds, may have failed for that reason alone. */
const STALLED_MS = 1_000;
const MOST_RUNS = 3;

/** Runs one case, and repeats it if it failed while this process stood still. It never rejects. */
export async function runCase(
  one: ConformanceCase,
  harness: Harness,
  declared: Declared,
): Promise<CaseResult> {
  for (let runs = 1; ; runs += 1) {
    const result = await runOnce(one, harness, declared);
    const isConclusive = result.status !== "failed" || result.stalledMs < STALLED_MS;
    if (isConclusive || runs === MOST_RUNS) return result;
  }
}

/** Runs one case once. A case that hangs fails at its deadline. */
async function runOnce(one: ConformanceCase, harness: Harness, declared: Declared): Promise<CaseResult> {
  const { name, group } = one;
  const reason = harness.deviations?.[name] ?? one.skip?.(declared, harness);
  if (reason !== undefined)
    return { name, group, status: "skipped", reason, notes: [], durationMs: 0, stalledMs: 0 };
  const context = new CaseContext(harness, declared);
  const { caseMs } = context.timing;
  const startedAt = performance.now();
  const hangs = (): string => `the case has not ended after ${caseMs} ms; ${context.pending}`;
  let failure: { readonly error: unknown } | undefined;
  try {
    await withinRealTime(one.run(context), caseMs, hangs);
  } catch (error) {
    failure = { error };
  }
  const durationMs = performance.now() - startedAt;
  const { notes, stalledMs } = context;
  await withinRealTime(context.close(), caseMs, hangs).catch(() => undefined);
  const common = { name, group, notes, durationMs, stalledMs };
  if (failure === undefined) return { ...common, status: "passed" };
  const { error } = failure;
  return { ...common, status: "failed", error, reason: reasonOf(error, stalledMs) };
}

/** Describes a failure in one text, with the standstill of the process if there was one. */
export function reasonOf(error: unknown, stalledMs: number): string {
  const text = error instanceof Error ? error.message : String(error);
  if (stalledMs < STALLED_MS) return text;
  const seconds = (stalledMs / 1_000).toFixed(1);
  return `${text}\nThis process stood still for ${seconds} s meanwhile, which may be the only reason.`;
}

function withinRealTime(work: Promise<void>, ms: number, message: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(new Error(message())), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timeout));
  });
}
