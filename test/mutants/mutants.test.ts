import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { contractMutants } from "./contract/contract-mutants.ts";
import { jobMutants } from "./jobs/job-mutants.ts";
import { mutants as coreMutants } from "./mutants.ts";

const mutants = [...coreMutants, ...contractMutants, ...jobMutants];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test.each(mutants)(
  "the mutant that $name changes text that occurs once in its file",
  async ({ file, search, replace }) => {
    const source = await readFile(join(ROOT, file), "utf8");
    expect(source.split(search)).toHaveLength(2);
    expect(replace).not.toBe(search);
  },
);

test("every mutant has a name of its own", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
