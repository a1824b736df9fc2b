import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FILES = ["README.md", "docs/**/*.md", "examples/**/*.ts", "cmd/make-job/*.ts"];
/** The fields that the logger of a job has. A JSON line with one of them twice is read differently by each collector. */
const BOUND =
  /\blogger\.(?:debug|info|warn|error)\(\s*\{(?:[^}]*,)?\s*(?:id|type|queue|attempt)\b(?=\s*[:,}])/g;

test("no sample logs a field that the logger of its job adds", () => {
  const files = FILES.flatMap((pattern) => globSync(pattern));
  const found = files.flatMap((file) => readFileSync(file, "utf8").match(BOUND) ?? []);

  expect(files.length).toBeGreaterThan(20);
  expect(found).toEqual([]);
});
