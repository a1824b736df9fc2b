import { expect, test } from "vitest";
import { defaultBackoff } from "../../../src/backoff.ts";
import { type Disposition, dispositionOfFailure, type FailedRun } from "../../../src/queue/disposition.ts";
import { describeError, PermanentError, RetryAfterError } from "../../../src/errors.ts";

function failed(error: unknown, run: Partial<FailedRun> = {}): Disposition {
  return dispositionOfFailure({
    error,
    attempt: 1,
    failures: run.attempt ?? 1,
    maxAttempts: 3,
    backoff: defaultBackoff,
    random: () => 0.5,
    ...run,
  });
}

test("a failed run is retried after its backoff while attempts remain", () => {
  const error = new Error("no");

  expect(failed(error)).toEqual({ kind: "retry", delayMs: 500, error });
  expect(failed(error, { attempt: 2 })).toEqual({ kind: "retry", delayMs: 1_000, error });
});

test("a failed run is dead-lettered on the last attempt, and on any later one", () => {
  for (const attempt of [3, 4]) {
    expect(failed("no", { attempt })).toEqual({ kind: "dead_letter", reason: "max_attempts", error: "no" });
  }
});

test("a failed run is retried on any attempt while fewer runs have failed", () => {
  expect(failed("no", { attempt: 9, failures: 2 })).toMatchObject({ kind: "retry" });
  expect(failed("no", { attempt: 9, failures: 3 })).toMatchObject({ kind: "dead_letter" });
});

test("a permanent error is dead-lettered even if attempts remain", () => {
  const error = new PermanentError("gone");
  expect(failed(error)).toEqual({ kind: "dead_letter", reason: "permanent_error", error });
});

test("a retry-after error sets the delay, and counts as a failed attempt", () => {
  const error = new RetryAfterError(7);

  expect(failed(error)).toEqual({ kind: "retry", delayMs: 7, error });
  expect(failed(error, { attempt: 3 })).toMatchObject({ kind: "dead_letter", reason: "max_attempts" });
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
  "a retry-after error refuses a delay of %d ms",
  (ms) => {
    expect(() => new RetryAfterError(ms)).toThrow(expect.objectContaining({ code: "invalid_delay" }));
  },
);

test.each<[string, unknown, string]>([
  ["an error", new RangeError("far"), "RangeError: far"],
  ["an error without a message", new TypeError(), "TypeError"],
  ["a string", "no", "no"],
  ["undefined", undefined, "undefined"],
  ["a symbol", Symbol("x"), "Symbol(x)"],
  ["an object that cannot be printed", Object.create(null), "an unprintable object"],
  [
    "an error whose message cannot be printed",
    Object.assign(new Error("x"), { message: Object.create(null) as string }),
    "Error: an unprintable object",
  ],
])("describeError describes %s", (_, thrown, text) => {
  expect(describeError(thrown)).toBe(text);
});
