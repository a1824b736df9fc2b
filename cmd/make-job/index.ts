import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { createFolder } from "../../src/lib/create-folder.ts";
import { addHelp } from "../lib/help.ts";
import { addJsonOption, type JsonFlags } from "../lib/options.ts";
import { colorsFor, print, warn } from "../lib/output.ts";
import { jobFiles, jobNames } from "./templates.ts";

interface MakeJobFlags extends JsonFlags {
  readonly dir: string;
  readonly force?: boolean;
}

/** `queueport make:job`: the files of a new job. */
export function makeJobCommand(): Command {
  const command = new Command("make:job")
    .summary("Write a job definition, its handler and its test")
    .description(
      `Writes a typed job definition, its handler and its test into this project. The files compile and the test passes as they are. The schema uses zod; any Standard Schema validator works.`,
    )
    .argument("<name>", "name, such as ProcessPayment; the job type is then process_payment")
    .optionsGroup("Files:")
    .option("-d, --dir <directory>", "directory that the files are written to", "jobs")
    .option("--force", "overwrite files that exist");
  addJsonOption(command, "the job type and the paths of the files");
  return addHelp(command, {
    examples: ["queueport make:job ProcessPayment", "node --test jobs/process-payment.test.ts"],
    exitCodes: { 0: "the files were written" },
  }).action(runMakeJob);
}

async function runMakeJob(name: string, { dir, force = false, json = false }: MakeJobFlags): Promise<void> {
  const names = jobNames(name);
  if (names === undefined) {
    throw new QueueError(
      "config",
      `The name of a job consists of letters and digits, such as ProcessPayment; got ${JSON.stringify(name)}.`,
    );
  }
  const files = jobFiles(names).map((file) => ({ ...file, path: join(dir, file.name) }));
  const existing = files.find(({ path }) => existsSync(path));
  if (existing !== undefined && !force) {
    throw new QueueError("config", `${existing.path} exists: choose another name, or pass --force.`);
  }
  createFolder(dir);
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
