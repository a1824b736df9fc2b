import type { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import { addHelp } from "../lib/help.ts";
import { addConfigOptions, addJsonOption, type ConfigFlags, type JsonFlags } from "../lib/options.ts";
import { print } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import { deadLetterCommand, openDeadLetters } from "./select.ts";
import { deadLetterJson, deadLetterText } from "./show-dead-letters.ts";

/** `queueport dlq show`: everything about one dead letter. */
export function showCommand(): Command {
  const command = deadLetterCommand(
    "show",
    "Show one dead letter with its payload",
    "Shows everything about one dead letter, including its error and its payload, and leaves it in the dead-letter queue.",
  ).argument("<id>", "message id, from dlq list");
  addConfigOptions(command);
  addJsonOption(command, "the dead letter");
  return addHelp(command, {
    examples: ["queueport dlq show emails 01a21575-71c0-702f-bd55-97a156dbe221"],
    exitCodes: {
      0: "the dead letter was printed",
      1: "there is no such queue or dead letter, the provider failed, or a signal ended the command",
    },
    hasSignals: true,
  }).action(runShow);
}

async function runShow(name: string, id: string, flags: ConfigFlags & JsonFlags): Promise<void> {
  await using opened = await openDeadLetters(name, flags);
  const { deadLetters, signal } = opened;
  const [found] = await deadLetters.list({ ids: [id], limit: 1, signal });
  if (found === undefined && signal.aborted) throw new Interrupted("the dead letter was not found yet.");
  if (found === undefined) {
    throw new QueueError("not_found", `Queue "${name}" has no dead letter with the id ${id}.`, {
      queue: name,
    });
  }
  print(flags.json ? deadLetterJson(found) : deadLetterText(found));
}
