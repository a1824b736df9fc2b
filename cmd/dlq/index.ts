import { Command } from "commander";
import { discardCommand } from "./discard.ts";
import { groupsCommand, listCommand, showCommand } from "./list.ts";
import { redriveCommand } from "./redrive.ts";

/** `queueport dlq`: what can be done with dead letters. */
export function dlqCommand(): Command {
  const command = new Command("dlq").description("See, group, redrive and discard dead letters.").addHelpText(
    "after",
    `
Example:
  $ queueport dlq groups emails
  $ queueport dlq redrive emails --group 3f9c0a51be77`,
  );
  for (const sub of [listCommand(), groupsCommand(), showCommand(), redriveCommand(), discardCommand()]) {
    command.addCommand(sub);
  }
  return command;
}
