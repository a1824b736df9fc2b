import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test.each(mutants)("the mutant that $name still fits its file", async ({ file, search, replace }) => {
  const source = await readFile(join(ROOT, file), "utf8");
  expect(source.split(search)).toHaveLength(2);
  expect(replace).not.toBe(search);
});

test("no two mutants are the same", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
