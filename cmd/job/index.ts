import { Command } from "commander";
import { addHelp } from "../lib/help.ts";
import { cancelCommand } from "./cancel.ts";
import { listCommand } from "./list.ts";
import { logsCommand } from "./logs.ts";
import { archiveCommand, pruneCommand } from "./prune.ts";
import { reconcileCommand } from "./reconcile.ts";
import { resultCommand } from "./result.ts";
import { retryCommand } from "./retry.ts";
import { showCommand } from "./show.ts";
import { watchCommand } from "./watch.ts";
import { whyCommand } from "./why.ts";

/** `queueport job`: the commands that read and change recorded jobs. */
export function jobCommand(): Command {
  const command = new Command("job")
    .summary("List, watch, cancel and retry recorded jobs")
    .description(
      "Works with the jobs that are recorded in the store of the section jobs of the configuration, in whichever process they run.",
    );
  for (const sub of [
    listCommand(),
    showCommand(),
    watchCommand(),
    whyCommand(),
    logsCommand(),
    resultCommand(),
    cancelCommand(),
    retryCommand(),
    archiveCommand(),
    pruneCommand(),
    reconcileCommand(),
  ]) {
    command.addCommand(sub);
  }
  return addHelp(command, {
    examples: ["queueport job list --status failed", "queueport job cancel --type import --dry-run"],
    exitCodes: { 0: "done", 1: "there is no such job, or the store failed" },
  });
}
