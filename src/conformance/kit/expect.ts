import { AssertionError } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { isQueueError } from "../../errors.ts";

/** Longest text of one value in a message. */
const MAX_SHOWN = 300;

/**
 * Asserts deep and strict equality. The message reads `attempts: 1, 1; expected 1, 2`. The error has both values, from
 * which test runners show the difference.
 */
export function expectEqual(subject: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const message = sentence(subject, actual, show(expected));
  throw new AssertionError({ message, actual, expected, operator: "deepStrictEqual" });
}

/** Asserts that two lists hold the same strings, in any order. The message names what is missing and what is not expected. */
export function expectSame(subject: string, actual: Iterable<string>, expected: Iterable<string>): void {
  const [sorted, wanted] = [[...actual].toSorted(), [...expected].toSorted()];
  if (isDeepStrictEqual(sorted, wanted)) return;
  const missing = show(without(wanted, sorted));
  const extra = show(without(sorted, wanted));
  const counts = `${subject}: ${sorted.length}; expected ${wanted.length}`;
  throw new AssertionError({ message: `${counts}; missing: ${missing}; not expected: ${extra}` });
}

/** Asserts that a condition holds; `wanted` completes the sentence `duplicates: 3; expected at most 0`. */
export function expectThat(subject: string, holds: boolean, actual: unknown, wanted: string): asserts holds {
  if (!holds) throw new AssertionError({ message: sentence(subject, actual, wanted) });
}

export function expectAtMost(subject: string, actual: number, most: number): void {
  expectThat(subject, actual <= most, actual, `at most ${most}`);
}

export function expectAtLeast(subject: string, actual: number, least: number): void {
  expectThat(subject, actual >= least, actual, `at least ${least}`);
}

/** Asserts that a moment lies in a range; all three are epoch milliseconds. */
export function expectWithin(subject: string, at: number, from: number, to: number): void {
  const [late, early] = [at - to, from - at];
  const actual = late > 0 ? `${late} ms too late` : `${early} ms too early`;
  expectThat(subject, at >= from && at <= to, actual, `a moment in a range of ${to - from} ms`);
}

/** Asserts that `work` rejects with a `QueueError` of this code, and that the error's message contains each of `parts`. */
export async function expectRefusal(
  subject: string,
  work: Promise<unknown>,
  code: string,
  ...parts: readonly string[]
): Promise<void> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const isRefused = outcome !== undefined;
  expectThat(subject, isRefused, "it succeeded", `a refusal with the code ${code}`);
  expectQueueError(subject, outcome.error, code, ...parts);
}

/** Asserts that `error` is a `QueueError` of this code, and that its message contains each of `parts`. */
export function expectQueueError(
  subject: string,
  error: unknown,
  code: string,
  ...parts: readonly string[]
): void {
  expectThat(
    `${subject}: the error`,
    isQueueError(error),
    String(error),
    `a QueueError with the code ${code}`,
  );
  expectThat(`${subject}: the code`, error.code === code, `${error.code} (${error.message})`, code);
  for (const part of parts) {
    expectThat(
      `${subject}: the message`,
      error.message.includes(part),
      error.message,
      `one that names ${part}`,
    );
  }
}

function sentence(subject: string, actual: unknown, wanted: string): string {
  return `${subject}: ${show(actual)}; expected ${wanted}`;
}

function without(some: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return some.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** A value in one line, cut where it is long. */
function show(value: unknown): string {
  const text = Array.isArray(value) && value.every(isPlain) ? value.map(String).join(", ") : showOne(value);
  const whole = text === "" ? "none" : text;
  return whole.length > MAX_SHOWN ? `${whole.slice(0, MAX_SHOWN)}…` : whole;
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function showOne(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return String(value);
  return isPlain(value) ? String(value) : (JSON.stringify(value) ?? String(value));
}
