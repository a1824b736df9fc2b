import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { conformanceCases } from "../../src/conformance/index.ts";

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a test file with `node --test`. */
function nodeTest(file: string): Promise<Outcome> {
  const path = fileURLToPath(new URL(`node-test/${file}`, import.meta.url));
  // The runner of this file must not be mistaken for a parent of the child's tests.
  const { NODE_TEST_CONTEXT: _none, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, ["--test", "--test-reporter=tap", path], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr });
    });
  });
}

/** Reads a count at the end of a TAP report. */
function countOf(name: "pass" | "fail" | "skipped", { output }: Outcome): number {
  return Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(output)?.[1]);
}

test("every case of the memory adapter passes or is skipped with its reason under node:test", async () => {
  const outcome = await nodeTest("memory.ts");
  expect(outcome).toEqual({ code: 0, output: expect.any(String) as string });
  expect(countOf("pass", outcome) + countOf("skipped", outcome)).toBe(conformanceCases().length);
  expect(outcome.output).toContain("# SKIP there is no delay store");
});

test("quick cases of the directory example pass under node:test", async () => {
  const outcome = await nodeTest("directory.ts");
  expect(outcome).toEqual({ code: 0, output: expect.any(String) as string });
  expect(countOf("pass", outcome)).toBeGreaterThan(10);
});

test("a case that fails under node:test fails the process and states the expectation", async () => {
  const outcome = await nodeTest("broken.ts");
  expect(outcome.code).not.toBe(0);
  expect(countOf("fail", outcome)).toBeGreaterThan(0);
  expect(outcome.output).toContain("messages left in the queue: ");
});
