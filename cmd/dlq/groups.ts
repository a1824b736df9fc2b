import type { Command } from "commander";
import { addHelp } from "../lib/help.ts";
import { addJsonOption } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import { progressBar } from "./progress.ts";
import {
  addFilterOptions,
  deadLetterCommand,
  FAILED,
  type FilterFlags,
  filterOf,
  openDeadLetters,
} from "./select.ts";
import { groupsJson, groupsText } from "./show-dead-letters.ts";

/** `queueport dlq groups`: dead letters by what they failed of. */
export function groupsCommand(): Command {
  const command = deadLetterCommand(
    "groups",
    "Group dead letters that failed alike",
    "Groups dead letters that failed alike: the same type, reason and place in the code, and an error that differs only in numbers, ids, times and addresses. The largest group comes first. Reads all dead letters and leaves them in the dead-letter queue.",
  );
  addFilterOptions(command);
  addJsonOption(command, "the groups, each with an example,");
  return addHelp(command, {
    examples: ["queueport dlq groups emails", "queueport dlq redrive emails --group 3f9c0a51be77"],
    exitCodes: {
      0: "the groups were printed",
      1: FAILED,
    },
    hasSignals: true,
  }).action(runGroups);
}

async function runGroups(name: string, flags: FilterFlags): Promise<void> {
  await using opened = await openDeadLetters(name, flags);
  const { deadLetters, total, signal } = opened;
  const bar = await progressBar("reading", total, flags.json);
  const groups = await deadLetters
    .groups({ ...filterOf(flags), signal, onProgress: (read) => bar.update(read) })
    .finally(() => bar[Symbol.dispose]());
  if (flags.json) print(groupsJson(groups));
  else print(groups.length === 0 ? `No dead letter of ${name} matches.` : groupsText(groups));
  if (signal.aborted) throw new Interrupted("these are the groups of what was read until then.");
}
