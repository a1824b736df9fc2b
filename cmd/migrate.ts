import { Command } from "commander";
import { openStore } from "../adapters/stores.ts";
import { loadConfig } from "./lib/config-file.ts";
import { addHelp } from "./lib/help.ts";
import { requireJobs } from "./lib/open.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "./lib/options.ts";
import { print } from "./lib/output.ts";

/** `queueport migrate`: creates or updates the schema of the job store. */
export function migrateCommand(): Command {
  const command = new Command("migrate")
    .summary("Create or update the schema of the job store")
    .description(
      "Creates the schema of the job store that the section jobs of the configuration names, or brings it to the version of this program. Does nothing if it is current.",
    );
  addConfigOptions(command);
  addJsonOption(command, "the versions");
  return addHelp(command, {
    examples: ["queueport migrate"],
    exitCodes: { 0: "the schema is current", 1: "the store could not be reached" },
  }).action(runMigrate);
}

async function runMigrate(flags: ConfigFlags & JsonFlags): Promise<void> {
  const { store: config } = requireJobs(await loadConfig(flags));
  const store = await openStore(config, undefined);
  try {
    const { from, to } = await store.migrate();
    const text =
      from === to ? `the schema is current: version ${to}` : `migrated from version ${from} to ${to}`;
    print(flags.json ? JSON.stringify({ store: store.name, from, to }) : `${store.name}: ${text}`);
  } finally {
    await store.close();
  }
}
