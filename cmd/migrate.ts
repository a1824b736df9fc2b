import { Command } from "commander";
import type { ConfigParts } from "../adapters/config-file.ts";
import { type Provider, providers } from "../adapters/registry.ts";
import { openStore, storeSql } from "../adapters/stores.ts";
import { QueueError } from "../src/errors.ts";
import { loadConfig } from "./lib/config-file.ts";
import { addHelp } from "./lib/help.ts";
import { enabledJobs, requireJobs } from "./lib/open.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "./lib/options.ts";
import { print } from "./lib/output.ts";

interface MigrateFlags extends ConfigFlags, JsonFlags {
  readonly sql?: boolean;
}

/** `queueport migrate`: creates or updates the tables of queues and of the job store. */
export function migrateCommand(): Command {
  const command = new Command("migrate")
    .summary("Create or update the tables of the queues and of the job store")
    .description(
      "Creates the tables of the provider's queues, if it keeps them in a database, and the schema of the job store that the section jobs of the configuration names. Brings those that exist to the version of this program. Does nothing if they are current.",
    );
  addConfigOptions(command);
  addJsonOption(command, "the versions, one line for the queues and one for the job store");
  command.option("--sql", "print the statements that create the tables in PostgreSQL, and change nothing");
  return addHelp(command, {
    examples: ["queueport migrate", "queueport migrate --sql --provider postgres > queueport.sql"],
    exitCodes: {
      0: "the tables are current",
      1: "the database or the store could not be reached",
    },
  }).action(runMigrate);
}

async function runMigrate(flags: MigrateFlags): Promise<void> {
  const config = await loadConfig(flags);
  const { queue } = config;
  const provider =
    queue.provider === undefined ? undefined : (providers[queue.provider] as unknown as Provider);
  const tables = provider?.tables;
  if (flags.sql === true) {
    const store = enabledJobs(config)?.store;
    const ofQueues = queue.provider === undefined ? undefined : await tables?.sql(queue);
    const ofStore = store === undefined ? undefined : await storeSql(store);
    const parts = [ofQueues, ofStore].filter((part) => part !== undefined);
    if (parts.length === 0)
      throw new QueueError(
        "config",
        `Neither the provider ${queue.provider ?? ""} nor a job store has tables to print.`,
      );
    for (const part of parts) print(part);
    return;
  }
  if (tables !== undefined && queue.provider !== undefined) {
    report(flags, "provider", queue.provider, await tables.migrate(queue));
    if (enabledJobs(config) === undefined) return;
  }
  await migrateStore(config, flags);
}

async function migrateStore(config: ConfigParts, flags: MigrateFlags): Promise<void> {
  const store = await openStore(requireJobs(config).store, undefined);
  try {
    report(flags, "store", store.name, await store.migrate());
  } finally {
    await store.close();
  }
}

function report(
  { json }: MigrateFlags,
  what: "provider" | "store",
  name: string,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const text =
    from === to ? `the schema is current: version ${to}` : `migrated from version ${from} to ${to}`;
  print(json ? JSON.stringify({ [what]: name, from, to }) : `${name}: ${text}`);
}
