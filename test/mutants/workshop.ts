import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Verdict } from "./judge.ts";
import type { Mutant } from "./mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What a judgement needs of the project. */
const COPIED = ["package.json", "src", "adapters", "test/conformance", "test/simulation", "test/mutants"];
/** A core that has not been judged by then hangs. */
const PATIENCE_MS = 300_000;

/**
 * Where cores are broken: a copy of the project, taken once, so that what is edited meanwhile does not matter. Each
 * judgement has a copy of its own.
 */
export class Workshop {
  readonly #folder: string;
  #made = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<Workshop> {
    const folder = await mkdtemp(join(tmpdir(), "queueport-mutants-"));
    for (const path of COPIED)
      await cp(join(ROOT, path), join(folder, "original", path), { recursive: true });
    return new Workshop(folder);
  }

  /** Judges the core as it is, or with one mutant in it. */
  async judged(mutant: Mutant | undefined, adapters: readonly string[]): Promise<Verdict> {
    this.#made += 1;
    const folder = join(this.#folder, String(this.#made));
    await cp(join(this.#folder, "original"), folder, { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "dir");
    if (mutant !== undefined) await mutate(folder, mutant);
    try {
      return await judgedIn(folder, adapters);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** @throws Error where the text to be replaced is not there exactly once */
async function mutate(folder: string, { name, file, search, replace }: Mutant): Promise<void> {
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

function judgedIn(folder: string, adapters: readonly string[]): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const args = ["--stack-trace-limit=0", join(folder, "test/mutants/judge.ts"), ...adapters];
    const judge = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    judge.stdout.on("data", (data: Buffer) => (output += data.toString()));
    judge.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    const timeout = setTimeout(() => {
      judge.kill("SIGKILL");
      resolve({ cases: [], rules: { hangs: 1 } });
    }, PATIENCE_MS);
    judge.once("error", reject);
    judge.once("close", (code) => {
      clearTimeout(timeout);
      const last = output.trim().split("\n").at(-1) ?? "";
      if (last.startsWith("{")) resolve(JSON.parse(last) as Verdict);
      else reject(new Error(`the judge ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}
