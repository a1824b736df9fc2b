#!/usr/bin/env node
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { QueueError } from "../src/errors.ts";
import { dlqCommand } from "./dlq/index.ts";
import { doctorCommand } from "./doctor/index.ts";
import { jobsCommand } from "./jobs.ts";
import { exitCodeOf, exitCodes } from "./lib/exit-codes.ts";
import { addHelp, helpLayout } from "./lib/help.ts";
import { tooOld } from "./lib/node-version.ts";
import { errorLine, exitOnceRead, outliveClosedPipes, printError, warn } from "./lib/output.ts";
import { makeJobCommand } from "./make-job/index.ts";
import { provisionCommand } from "./provision.ts";
import { pumpCommand } from "./pump.ts";
import { sendCommand } from "./send/index.ts";
import { serviceBusServerCommand } from "./service-bus-server.ts";
import { statsCommand } from "./stats.ts";
import { workerCommand } from "./worker/index.ts";

const { version, engines } = createRequire(import.meta.url)("queueport/package.json") as {
  readonly version: string;
  readonly engines: { readonly node: string };
};
// Checked first: an older Node would fail later with an error that looks like a mistake in the user's module.
const outdated = tooOld(process.version, engines.node);
if (outdated !== undefined) {
  printError(new QueueError("config", outdated), false);
  process.exit(exitCodes.usage);
}

const program = createProgram();

function createProgram(): Command {
  const command = new Command("queueport")
    .description("Runs, sends and inspects background jobs on any supported queue provider.")
    .usage("<command> [options]")
    .version(version, "-V, --version", "print the version")
    .option("--verbose", "print the stack of an error; DEBUG=1 does the same")
    .helpOption("-h, --help", "print this help")
    .configureHelp(helpLayout)
    .configureOutput({ outputError: (text, write) => write(`queueport: ${errorLine(usage(text))}\n`) })
    .exitOverride();
  const groups: Readonly<Record<string, readonly Command[]>> = {
    "Jobs:": [workerCommand(), sendCommand(), jobsCommand(), makeJobCommand()],
    "Queues:": [statsCommand(), dlqCommand(), provisionCommand(), pumpCommand(), doctorCommand()],
    "Development:": [serviceBusServerCommand()],
  };
  for (const [heading, commands] of Object.entries(groups)) {
    command.commandsGroup(heading);
    for (const sub of commands) command.addCommand(inherit(sub, command));
  }
  return addHelp(command, {
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

/** Milliseconds that the reader of a pipe gets for the last lines. */
const LINGER_MS = 1_000;

/** Removes Commander's own `error:`, since every line of this program starts with its name. */
function usage(text: string): string {
  return text.replace(/^error: /, "");
}

// An empty variable counts as not set, because deployment manifests often declare variables without a value.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("QUEUEPORT_") && value === "") delete process.env[name];
}
outliveClosedPipes();
// Not awaited: Node ends a module whose top-level await never settles with a warning and an exit code of its own.
void run();

async function run(): Promise<void> {
  process.once("exit", reportUnsettled);
  try {
    await program.parseAsync();
    // Exits even if a provider's library keeps timers or sockets open.
    setTimeout(() => exitOnceRead(), LINGER_MS).unref();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    } else {
      printError(
        error,
        program.opts<{ verbose?: boolean }>().verbose === true || Boolean(process.env["DEBUG"]),
      );
      // Exits without waiting, because a job that never ends must not keep a failed command alive.
      exitOnceRead(exitCodeOf(error));
    }
  } finally {
    process.off("exit", reportUnsettled);
  }
}

/** Reports that Node ran out of work while the command still waited for a promise. */
function reportUnsettled(code: number): void {
  if (code !== 0) return;
  warn(
    "ended before it was done: a promise never settled, for instance a top-level await of a module, a configuration function or a transform.",
  );
  process.exitCode = exitCodes.usage;
}
