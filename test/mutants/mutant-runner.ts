import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";
import type { TestOutcome } from "./test-core.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A change of one file of the project. */
export interface FileChange {
  readonly name: string;
  readonly file: string;
  /** Occurs in the file exactly once. Otherwise the mutant is out of date, which is an error. */
  readonly search: string;
  readonly replace: string;
}

/** Files of the project that the tests of a core or of an adapter need. */
const COPIED = [
  "package.json",
  "src",
  "adapters",
  "examples",
  "test/conformance",
  "test/simulation",
  "test/support",
  "test/mutants",
];
/** A core whose tests take longer than this hangs. */
const TIMEOUT_MS = 300_000;

/**
 * Runs the tests of mutants in copies of the project. The project is copied once at the start, so that it can be
 * edited meanwhile. Each mutant has a copy of its own.
 */
export class MutantRunner {
  readonly #folder: string;
  #runs = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<MutantRunner> {
    const folder = await mkdtemp(join(tmpdir(), "queueport-mutants-"));
    for (const path of COPIED)
      await cp(join(ROOT, path), join(folder, "original", path), { recursive: true });
    return new MutantRunner(folder);
  }

  /** Tests the core as it is, or with one mutant. */
  async run(mutant: Mutant | undefined, adapters: readonly string[]): Promise<TestOutcome> {
    const outcome = await this.runScript("test/mutants/test-core.ts", adapters, mutant);
    return (outcome ?? { cases: [], rules: { hangs: 1 } }) as TestOutcome;
  }

  /**
   * Runs a script in a copy of the project, which may have one change. Returns the JSON of the last line that the script
   * prints. Undefined if it hangs.
   */
  async runScript(script: string, args: readonly string[], change: FileChange | undefined): Promise<unknown> {
    this.#runs += 1;
    const folder = join(this.#folder, String(this.#runs));
    await cp(join(this.#folder, "original"), folder, { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "dir");
    if (change !== undefined) await apply(folder, change);
    try {
      return await runIn(folder, script, args);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** @throws Error if the text to replace does not occur exactly once */
async function apply(folder: string, { name, file, search, replace }: FileChange): Promise<void> {
  const path = join(folder, file);
  const source = await readFile(path, "utf8");
  const found = source.split(search).length - 1;
  if (found !== 1)
    throw new Error(`the mutant that ${name} is out of date: its text occurs ${found} times in ${file}`);
  await writeFile(
    path,
    source.replace(search, () => replace),
  );
}

function runIn(folder: string, script: string, args: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const all = ["--stack-trace-limit=0", join(folder, script), ...args];
    const tests = spawn(process.execPath, all, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    tests.stdout.on("data", (data: Buffer) => (output += data.toString()));
    tests.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    const timeout = setTimeout(() => {
      tests.kill("SIGKILL");
      resolve(undefined);
    }, TIMEOUT_MS);
    tests.once("error", reject);
    tests.once("close", (code) => {
      clearTimeout(timeout);
      const last = output.trim().split("\n").at(-1) ?? "";
      if (last.startsWith("{")) resolve(JSON.parse(last));
      else reject(new Error(`the tests ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}
