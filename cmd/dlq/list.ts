import { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { addSourceOptions, type SourceFlags, whole } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { progressBar } from "./progress.ts";
import { Interrupted, onSignals } from "../lib/signals.ts";
import { addFilterOptions, type FilterFlags, filterOf } from "./select.ts";
import { openLetters } from "./open.ts";
import { groupJson, groupsTable, letterJson, lettersTable, letterText } from "./show-dead-letters.ts";

interface ReadFlags extends SourceFlags, FilterFlags {
  readonly limit: number;
  readonly json?: boolean;
}

/** `queueport dlq list`. */
export function listCommand(): Command {
  const command = new Command("list")
    .description("List dead letters, and leave them where they are.")
    .argument("<queue>", "the queue that they came from");
  return addFilterOptions(addSourceOptions(command))
    .option("-n, --limit <n>", "so many at most", whole(1), 100)
    .option("--json", "print JSON: the whole of each")
    .addHelpText("after", "\nExample:\n  $ queueport dlq list emails --reason max_attempts --since 2h")
    .action(async (name: string, flags: ReadFlags) => {
      await using opened = await openLetters(name, flags);
      using interrupt = onSignals();
      const { signal } = interrupt;
      const letters = await opened.letters.list({ ...filterOf(flags), limit: flags.limit, signal });
      if (signal.aborted) throw new Interrupted("nothing is listed, and all are where they were.");
      if (flags.json) return print(JSON.stringify(letters.map(letterJson)));
      if (letters.length === 0) return print(`No dead letter of ${name} matches.`);
      print(lettersTable(letters));
      if (letters.length === flags.limit) print(`The first ${flags.limit}; --limit shows more.`);
    });
}

/** `queueport dlq groups`. */
export function groupsCommand(): Command {
  const command = new Command("groups")
    .description("Tell dead letters together that failed alike, the most frequent first.")
    .argument("<queue>", "the queue that they came from");
  return addFilterOptions(addSourceOptions(command))
    .option("--json", "print JSON: each group, with an example")
    .addHelpText(
      "after",
      `
Reads all of them, and leaves them where they are. Redrive a group by its fingerprint.

Example:
  $ queueport dlq groups emails
  $ queueport dlq redrive emails --group 3f9c0a51be77`,
    )
    .action(async (name: string, flags: ReadFlags) => {
      await using opened = await openLetters(name, flags);
      using interrupt = onSignals();
      const bar = await progressBar("reading", opened.total, flags.json);
      const groups = await opened.letters
        .groups({ ...filterOf(flags), signal: interrupt.signal, onProgress: (read) => bar.update(read) })
        .finally(() => bar[Symbol.dispose]());
      if (flags.json) print(JSON.stringify(groups.map(groupJson)));
      else print(groups.length === 0 ? `No dead letter of ${name} matches.` : groupsTable(groups));
      if (interrupt.signal.aborted) throw new Interrupted("these are the groups of what was read so far.");
    });
}

/** `queueport dlq show`. */
export function showCommand(): Command {
  const command = new Command("show")
    .description("Show all that is known of one dead letter, its payload too.")
    .argument("<queue>", "the queue that it came from")
    .argument("<id>", "its id, as dlq list shows it");
  return addSourceOptions(command)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  $ queueport dlq show emails 01a21575-71c0-702f-bd55-97a156dbe221")
    .action(async (name: string, id: string, flags: ReadFlags) => {
      await using opened = await openLetters(name, flags);
      using interrupt = onSignals();
      const { signal } = interrupt;
      const [letter] = await opened.letters.list({ ids: [id], limit: 1, signal });
      if (letter === undefined && signal.aborted) throw new Interrupted("it was not found so far.");
      if (letter === undefined) {
        throw new QueueError("not_found", `Queue "${name}" has no dead letter with the id ${id}.`, {
          queue: name,
        });
      }
      print(flags.json ? JSON.stringify(letterJson(letter)) : letterText(letter));
    });
}
