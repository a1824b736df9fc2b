import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { UnitMutant } from "./unit-mutant.ts";
import { unitMutants } from "./unit-mutants.ts";

const USAGE = `node test/mutants/unit/main.ts [--only <text>]

Breaks the core on purpose, in one way at a time, and runs the unit tests that have to detect it. Fails if a mutant is
not detected.

  --only  run only the mutants whose name contains this text`;

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Files of the project that the unit tests of the core need. */
const COPIED = ["package.json", "vitest.config.ts", "src", "adapters", "docs", "test"];

/** Whether the tests notice the mutant. They run in a copy of the project. */
async function isCaught(mutant: UnitMutant): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "queueport-mutant-"));
  try {
    for (const path of COPIED) await cp(join(ROOT, path), join(folder, path), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "dir");
    const path = join(folder, mutant.file);
    const source = await readFile(path, "utf8");
    const { search, replace, name } = mutant;
    if (source.split(search).length !== 2) throw new Error(`the mutant that ${name} is out of date`);
    await writeFile(
      path,
      source.replace(search, () => replace),
    );
    return (await testIn(folder, mutant.tests)) !== 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function testIn(folder: string, tests: readonly string[]): Promise<number | null> {
  const files = tests.map((one) => `test/unit/${one}`);
  const args = [join(folder, "node_modules/vitest/vitest.mjs"), "run", "--project", "unit", "--bail", "1"];
  const vitest = spawn(process.execPath, [...args, ...files], { cwd: folder, stdio: "ignore" });
  return new Promise((resolve, reject) => {
    vitest.once("error", reject);
    vitest.once("close", resolve);
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: "string", default: "" }, help: { type: "boolean", default: false } },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const chosen = unitMutants.filter(({ name }) => name.includes(values.only));
  let survived = 0;
  for (const mutant of chosen) {
    const caught = await isCaught(mutant);
    console.log(`${caught ? "✓ caught:  " : "✗ SURVIVES:"} ${mutant.name}`);
    if (!caught) survived += 1;
  }
  console.log(`\n${chosen.length} mutants: ${chosen.length - survived} caught, ${survived} survived`);
  return survived === 0 && chosen.length > 0 ? 0 : 1;
}

process.exitCode = await main();
