import { Command } from "commander";
import { apiCommand } from "./api/index.ts";
import { dlqCommand } from "./dlq/index.ts";
import { doctorCommand } from "./doctor/index.ts";
import { jobCommand } from "./job/index.ts";
import { jobsCommand } from "./jobs.ts";
import { addHelp, helpLayout } from "./lib/help.ts";
import { errorLine } from "./lib/output.ts";
import { makeJobCommand } from "./make-job/index.ts";
import { migrateCommand } from "./migrate.ts";
import { provisionCommand } from "./provision.ts";
import { pumpCommand } from "./pump.ts";
import { sendCommand } from "./send/index.ts";
import { serviceBusServerCommand } from "./service-bus-server.ts";
import { statsCommand } from "./stats.ts";
import { workerCommand } from "./worker/index.ts";

/** The command line with all of its commands. */
export function createProgram(version: string): Command {
  const program = new Command("queueport")
    .description("Runs, sends and inspects background jobs on any supported queue provider.")
    .usage("<command> [options]")
    .version(version, "-V, --version", "print the version")
    .option("--verbose", "print the stack of an error; DEBUG=1 does the same")
    .helpOption("-h, --help", "print this help")
    .configureHelp(helpLayout)
    .configureOutput({
      outputError: (text, write) => write(`queueport: ${errorLine(planned(text) ?? withoutPrefix(text))}\n`),
    })
    .exitOverride();
  const groups: Readonly<Record<string, readonly Command[]>> = {
    "Jobs:": [
      workerCommand(),
      sendCommand(),
      jobCommand(),
      apiCommand(),
      jobsCommand(),
      makeJobCommand(),
      migrateCommand(),
    ],
    "Queues:": [statsCommand(), dlqCommand(), provisionCommand(), pumpCommand(), doctorCommand()],
    "Development:": [serviceBusServerCommand()],
  };
  for (const [heading, commands] of Object.entries(groups)) {
    program.commandsGroup(heading);
    for (const command of commands) program.addCommand(inherit(command, program));
  }
  return addHelp(program, {
    examples: [
      "queueport worker --provider memory --handlers ./handlers.ts --queue emails",
      "queueport worker --help",
    ],
    exitCodes: {
      0: "the command did what was asked",
      1: "something failed, doctor found something broken, or a signal ended the command early",
      3: "the drain of a worker was incomplete: a job ignored its aborted signal",
    },
    hasSignals: true,
  });
}

/** Copies the settings of the program to a command and its subcommands. */
function inherit(command: Command, from: Command): Command {
  command.copyInheritedSettings(from);
  for (const sub of command.commands) inherit(sub, command);
  return command;
}

/** The refusal of a command that is planned; undefined for any other error. The nearest name would mislead. */
function planned(text: string): string | undefined {
  const [, command] = /unknown command '(make:(?:cron|schedule))'/.exec(text) ?? [];
  if (command === undefined) return undefined;
  return `${command}: recurring jobs are not supported yet; write the job with make:job, and let a scheduler send it with \`queueport send\` and an idempotency key for each occurrence`;
}

/** Removes Commander's `error:`, since every error of this program starts with the program's name. */
function withoutPrefix(text: string): string {
  return text.replace(/^error: /, "");
}
