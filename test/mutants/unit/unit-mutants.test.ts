import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { unitMutants } from "./unit-mutants.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

test.each(unitMutants)(
  "the mutant in which $name changes text that occurs once in its file",
  async (mutant) => {
    const { file, search, replace, tests } = mutant;
    const source = await readFile(join(ROOT, file), "utf8");
    expect(source.split(search)).toHaveLength(2);
    expect(replace).not.toBe(search);
    for (const path of tests) expect(existsSync(join(ROOT, "test/unit", path))).toBe(true);
  },
);

test("every mutant has a name of its own", () => {
  expect(new Set(unitMutants.map(({ name }) => name)).size).toBe(unitMutants.length);
});
