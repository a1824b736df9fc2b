import type { Command } from "commander";
import { addHelp } from "../lib/help.ts";
import { addJsonOption, whole } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import {
  addFilterOptions,
  deadLetterCommand,
  FAILED,
  type FilterFlags,
  filterOf,
  openDeadLetters,
} from "./select.ts";
import { deadLettersJson, deadLettersText } from "./show-dead-letters.ts";

interface ListFlags extends FilterFlags {
  readonly limit: number;
}

/** `queueport dlq list`: some dead letters, two lines each. */
export function listCommand(): Command {
  const command = deadLetterCommand(
    "list",
    "List dead letters",
    "Lists dead letters and leaves them in the dead-letter queue.",
  );
  addFilterOptions(command);
  addJsonOption(command, "the dead letters, with payloads,").option(
    "-n, --limit <n>",
    "largest number of dead letters that are listed",
    whole(1),
    100,
  );
  return addHelp(command, {
    examples: ["queueport dlq list emails --reason max_attempts --since 2h"],
    exitCodes: {
      0: "the dead letters were listed",
      1: FAILED,
    },
    hasSignals: true,
  }).action(runList);
}

async function runList(name: string, flags: ListFlags): Promise<void> {
  await using opened = await openDeadLetters(name, flags);
  const { deadLetters, signal } = opened;
  const found = await deadLetters.list({ ...filterOf(flags), limit: flags.limit, signal });
  if (signal.aborted) throw new Interrupted("nothing was listed, and nothing was changed.");
  if (flags.json) return print(deadLettersJson(found));
  if (found.length === 0) return print(`No dead letter of ${name} matches.`);
  print(deadLettersText(found));
  if (found.length === flags.limit) print(`These are the first ${flags.limit}; --limit shows more.`);
}
