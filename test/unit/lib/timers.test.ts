import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { LONGEST_TIMEOUT_MS, systemClock } from "../../../src/lib/clock.ts";

/** The one file that may set a timer of any length. */
const CLOCK = "src/lib/clock.ts";
/** A length that is a literal, a constant, or bounded in place. */
const BOUNDED = /^(\d[\d_]*|[A-Z][A-Z_]*|2 \*\* 30|Math\.min\(.*, LONGEST_TIMEOUT_MS\)),?$/;

/** The lengths of the timers in a source text. */
function lengthsOf(source: string): string[] {
  const lengths: string[] = [];
  const calls = source.matchAll(/\b(?:setTimeout|setInterval|AbortSignal\.timeout)\(/g);
  for (const { index, 0: call } of calls) {
    const start = index + call.length;
    let depth = 1;
    let end = start;
    let last = start;
    for (; depth > 0; end += 1) {
      const character = source[end] as string;
      if ("([{".includes(character)) depth += 1;
      else if (")]}".includes(character)) depth -= 1;
      else if (character === "," && depth === 1 && /\S/.test(source.slice(end + 1).split(")")[0] ?? ""))
        last = end + 1;
    }
    lengths.push(source.slice(last, end - 1).trim());
  }
  return lengths;
}

test("the lengths of timers are found in a source", () => {
  expect(lengthsOf("setTimeout(() => { run(a, b); }, 20); setInterval(() => {}, 2 ** 30)")).toEqual([
    "20",
    "2 ** 30",
  ]);
  expect(lengthsOf("setTimeout(\n  run,\n  Math.min(ms, LONGEST_TIMEOUT_MS),\n)")).toEqual([
    "Math.min(ms, LONGEST_TIMEOUT_MS),",
  ]);
  expect(lengthsOf("AbortSignal.timeout(ANSWER_MS)")).toEqual(["ANSWER_MS"]);
});

test("every timer of a length that is not known is set by the clock, which makes none of a millisecond of a long one", () => {
  const files = globSync("{src,adapters,cmd}/**/*.ts").filter(
    (file) => file !== CLOCK && !file.startsWith("src/conformance/") && !file.startsWith("src/testing/"),
  );
  expect(files.length).toBeGreaterThan(200);
  const unbounded = files.flatMap((file) =>
    lengthsOf(readFileSync(file, "utf8").replaceAll(/^ *(\/\/|\*|\/\*\*).*$/gm, ""))
      .filter((length) => !BOUNDED.test(length))
      .map((length) => `${file}: ${length}`),
  );
  expect(unbounded).toEqual([]);
});

test("a timer of the system's clock that is longer than Node's longest does not fire at once", async () => {
  let fired = false;
  const timers = [LONGEST_TIMEOUT_MS + 1, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY].map((ms) =>
    systemClock.timer(ms, () => (fired = true)),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const timer of timers) timer.cancel();
  expect(fired).toBe(false);
});
