import { Command } from "commander";
import { openQueue } from "../adapters/open.ts";
import type { Registration } from "../src/worker/registry.ts";
import { Worker } from "../src/worker/worker.ts";
import { loadConfig } from "./lib/config-file.ts";
import { registerHandlers, requireHandlers } from "./lib/handlers-file.ts";
import { addHelp } from "./lib/help.ts";
import {
  addConfigOptions,
  addHandlersOption,
  addJsonOption,
  type ConfigFlags,
  durationText,
  type HandlersFlags,
  type JsonFlags,
} from "./lib/options.ts";
import { colorsFor, print } from "./lib/output.ts";
import { formatTable } from "./lib/table.ts";

interface JobsFlags extends ConfigFlags, HandlersFlags, JsonFlags {}

/** `queueport jobs`: the job types of a handlers module. */
export function jobsCommand(): Command {
  const command = new Command("jobs")
    .summary("List the job types that a handlers module registers")
    .description(
      `Loads a handlers module as a worker does, and lists the job types that it registers. Nothing is received and no hook is called. A setting that is shown as – comes from the worker or from the defaults.`,
    )
    .optionsGroup("Jobs:");
  addHandlersOption(command);
  addConfigOptions(command);
  addJsonOption(command, "the types with their settings");
  return addHelp(command, {
    examples: ["queueport jobs --handlers ./handlers.ts"],
    exitCodes: { 0: "the job types were printed" },
  }).action(runJobs);
}

async function runJobs(flags: JobsFlags): Promise<void> {
  // With --handlers, no configuration is needed.
  const { worker: settings } = flags.handlers === undefined ? await loadConfig(flags) : { worker: {} };
  const handlers = requireHandlers(flags, settings);
  await using queue = await openQueue({ provider: "memory" });
  const worker = new Worker(queue);
  await registerHandlers(handlers, worker);
  const { registered } = worker;
  print(flags.json ? JSON.stringify(registered.map(jobJson)) : jobsTable(registered));
}

function jobJson({ type, schema, maxAttempts, timeoutMs, concurrency, backoff }: Registration): object {
  return { type, schema: schema?.["~standard"].vendor ?? null, maxAttempts, timeoutMs, concurrency, backoff };
}

function jobsTable(registered: readonly Registration[]): string {
  const unset = colorsFor(process.stdout).dim("–");
  return formatTable(
    ["type", "schema", "max attempts", "timeout", "concurrency"],
    registered.map(({ type, schema, maxAttempts, timeoutMs, concurrency }) => [
      type,
      schema?.["~standard"].vendor ?? unset,
      maxAttempts ?? unset,
      timeoutMs === undefined ? unset : durationText(timeoutMs),
      concurrency ?? unset,
    ]),
  );
}
