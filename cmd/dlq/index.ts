import { Command } from "commander";
import { addHelp } from "../lib/help.ts";
import { discardCommand } from "./discard.ts";
import { groupsCommand } from "./groups.ts";
import { listCommand } from "./list.ts";
import { redriveCommand } from "./redrive.ts";
import { showCommand } from "./show.ts";

/** `queueport dlq`: the commands that read, redrive and discard dead letters. */
export function dlqCommand(): Command {
  const command = new Command("dlq")
    .summary("List, group, redrive and discard dead letters")
    .description(
      `Works with the dead letters of a queue. Pass the name of the queue that the messages came from, such as emails, not the name of its dead-letter queue.`,
    );
  for (const sub of [listCommand(), groupsCommand(), showCommand(), redriveCommand(), discardCommand()]) {
    command.addCommand(sub);
  }
  return addHelp(command, {
    examples: ["queueport dlq groups emails", "queueport dlq redrive emails --group 3f9c0a51be77"],
    exitCodes: { 0: "done", 1: "the provider failed, or a dead letter could not be redriven" },
  });
}
