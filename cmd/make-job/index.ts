import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { colorsFor, print, warn } from "../lib/output.ts";
import { jobFiles, jobNames } from "./templates.ts";

interface MakeFlags {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `queueport make:job`: a typed job to begin with. */
export function makeJobCommand(): Command {
  return new Command("make:job")
    .description("Write a typed job definition, its handler and its test into this project.")
    .argument("<name>", "such as ProcessPayment; the type is then process_payment")
    .option("-d, --dir <directory>", "where they go", "jobs")
    .option("--force", "write over files that are there")
    .option("--json", "print JSON: what was written")
    .addHelpText(
      "after",
      `
The test runs as it is, with node --test. The schema uses zod; any Standard Schema validator does.

Example:
  $ queueport make:job ProcessPayment
  $ node --test jobs/process-payment.test.ts`,
    )
    .action(makeJob);
}

async function makeJob(name: string, { dir, force = false, json = false }: MakeFlags): Promise<void> {
  const names = jobNames(name);
  if (names === undefined) {
    throw new QueueError(
      "config",
      `A job is called by letters and digits, such as ProcessPayment; got ${JSON.stringify(name)}.`,
    );
  }
  const files = jobFiles(names).map((file) => ({ ...file, path: join(dir, file.name) }));
  const there = files.find(({ path }) => existsSync(path));
  if (there !== undefined && !force) {
    throw new QueueError("config", `${there.path} is there already: take another name, or --force.`);
  }
  await mkdir(dir, { recursive: true });
  for (const { path, content } of files) await writeFile(path, content);
  const { green } = colorsFor(process.stdout);
  if (json) print(JSON.stringify({ type: names.type, files: files.map(({ path }) => path) }));
  else for (const { path } of files) print(`${green("wrote")} ${path}`);
  const require = createRequire(join(resolve(dir), "x.js"));
  for (const needed of ["queueport", "zod"]) {
    try {
      require.resolve(`${needed}/package.json`);
    } catch {
      warn(`these files import ${needed}, which is not installed here: npm install ${needed}`);
    }
  }
}
