import { resolve } from "node:path";
import Table from "cli-table3";
import { Command, Option } from "commander";
import ms from "ms";
import { openQueue } from "../adapters/open.ts";
import { QueueError } from "../src/errors.ts";
import type { Registration } from "../src/worker/registry.ts";
import { Worker } from "../src/worker/worker.ts";
import { loadConfig } from "./lib/config-file.ts";
import { registerHandlers } from "./lib/handlers-file.ts";
import { addSourceOptions, type SourceFlags } from "./lib/options.ts";
import { colorsFor, print } from "./lib/output.ts";

interface JobsFlags extends SourceFlags {
  readonly handlers?: string;
  readonly json?: boolean;
}

/** `queueport jobs`: what a handlers module can do. */
export function jobsCommand(): Command {
  const command = new Command("jobs").description("List the job types that a handlers module registers.");
  return addSourceOptions(command)
    .addOption(new Option("-H, --handlers <file>", "handlers module (ts, js, mjs)").env("QUEUEPORT_HANDLERS"))
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Loads the module as a worker would, and starts nothing. A – is the worker's own setting, or the default.

Example:
  $ queueport jobs --handlers ./handlers.ts`,
    )
    .action(async (flags: JobsFlags) => {
      await using queue = await openQueue({ provider: "memory" });
      const worker = new Worker(queue);
      await registerHandlers(await handlersOf(flags), worker);
      const { registered } = worker;
      print(flags.json ? JSON.stringify(registered.map(jobJson)) : jobsTable(registered));
    });
}

async function handlersOf(flags: JobsFlags): Promise<string> {
  if (flags.handlers !== undefined) return resolve(flags.handlers);
  const { handlers } = (await loadConfig(flags)).worker;
  if (handlers !== undefined) return handlers;
  throw new QueueError(
    "config",
    "No handlers: give --handlers <file>, or worker.handlers in the configuration.",
  );
}

function jobJson({ type, schema, maxAttempts, timeoutMs, concurrency, backoff }: Registration): object {
  return { type, schema: schema?.["~standard"].vendor ?? null, maxAttempts, timeoutMs, concurrency, backoff };
}

/** The registrations as a table for people. */
function jobsTable(registered: readonly Registration[]): string {
  const { bold, dim } = colorsFor(process.stdout);
  const table = new Table({
    head: ["type", "schema", "max attempts", "timeout", "concurrency"].map((title) => bold(title)),
    style: { head: [], border: [] },
  });
  const unset = dim("–");
  for (const { type, schema, maxAttempts, timeoutMs, concurrency } of registered) {
    table.push([
      type,
      schema?.["~standard"].vendor ?? unset,
      maxAttempts ?? unset,
      timeoutMs === undefined ? unset : ms(timeoutMs),
      concurrency ?? unset,
    ]);
  }
  return table.toString();
}
