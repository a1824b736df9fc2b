#!/usr/bin/env node
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { dlqCommand } from "./dlq/index.ts";
import { QueueError } from "../src/errors.ts";
import { doctorCommand } from "./doctor/index.ts";
import { exitCodeOf, exitCodes, exitCodesHelp } from "./lib/exit-codes.ts";
import { jobsCommand } from "./jobs.ts";
import { makeJobCommand } from "./make-job/index.ts";
import { tooOld } from "./lib/node-version.ts";
import { errorLine, exitOnceRead, outliveClosedPipes, printError, warn } from "./lib/output.ts";
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
/** Said outright: what an older Node stumbles over would be told in its own words, as a fault of the user's module. */
const outdated = tooOld(process.version, engines.node);
if (outdated !== undefined) {
  printError(new QueueError("config", outdated), false);
  process.exit(exitCodes.usage);
}

const program = new Command("queueport")
  .description("Background jobs that are portable across clouds.")
  .version(version)
  .option("--verbose", "show the stack of an error; so does DEBUG=1")
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ outputError: (text, write) => write(`queueport: ${errorLine(usage(text))}\n`) })
  .exitOverride()
  .addHelpText(
    "after",
    `
Example:
  $ queueport worker --provider memory --handlers ./handlers.ts --queue emails
  $ queueport <command> --help

${exitCodesHelp}`,
  );
const commands = [
  workerCommand(),
  sendCommand(),
  statsCommand(),
  dlqCommand(),
  provisionCommand(),
  doctorCommand(),
  pumpCommand(),
  jobsCommand(),
  makeJobCommand(),
  serviceBusServerCommand(),
];
for (const command of commands) program.addCommand(inherit(command, program));

/** The settings of the program, for a command and those below it. */
function inherit(command: Command, from: Command): Command {
  command.copyInheritedSettings(from);
  for (const sub of command.commands) inherit(sub, command);
  return command;
}

/** Whoever reads the last lines of a pipe gets this long. */
const LINGER_MS = 1_000;

/** Without commander's own `error:`, as every line of ours starts alike. */
function usage(text: string): string {
  return text.replace(/^error: /, "");
}

/** An empty variable is one that is not set, as with most programs: manifests leave them so. */
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("QUEUEPORT_") && value === "") delete process.env[name];
}
outliveClosedPipes();
void run();

/** Not awaited up here: Node ends a module that waits for what never comes with a warning and a code of its own. */
async function run(): Promise<void> {
  process.once("exit", sayUnanswered);
  try {
    await program.parseAsync();
    // What a provider's library leaves running does not keep a command that is done.
    setTimeout(() => exitOnceRead(), LINGER_MS).unref();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    } else {
      printError(
        error,
        program.opts<{ verbose?: boolean }>().verbose === true || Boolean(process.env["DEBUG"]),
      );
      /** At once: a job that would not end must not keep a failed command alive. */
      exitOnceRead(exitCodeOf(error));
    }
  } finally {
    process.off("exit", sayUnanswered);
  }
}

/** Nothing is left to do, and the command has not ended: what it waits for never comes. */
function sayUnanswered(code: number): void {
  if (code !== 0) return;
  warn(
    "ended before it was done: something never answers, such as an await at the top of a module, a configuration that is a function, or a transform.",
  );
  process.exitCode = exitCodes.usage;
}
