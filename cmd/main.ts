#!/usr/bin/env node
import { createRequire } from "node:module";
import { CommanderError } from "commander";
import { QueueError } from "../src/errors.ts";
import { exitCodeOf, exitCodes } from "./lib/exit-codes.ts";
import { tooOld } from "./lib/node-version.ts";
import { exitOnceRead, outliveClosedPipes, printError, warn } from "./lib/output.ts";
import { createProgram } from "./program.ts";

/** Milliseconds after which a command that is done exits, even if a provider's library keeps timers or sockets open. */
const LINGER_MS = 1_000;

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
// An empty variable counts as not set, because deployment manifests often declare variables without a value. An empty token
// is an error: without a token, the API would be open.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("QUEUEPORT_") && name !== "QUEUEPORT_API_TOKEN" && value === "")
    delete process.env[name];
}
outliveClosedPipes();
// Not awaited: Node ends a module whose top-level await never settles with a warning and an exit code of its own.
void run();

async function run(): Promise<void> {
  const program = createProgram(version);
  process.once("exit", reportUnsettled);
  try {
    await program.parseAsync();
    setTimeout(() => exitOnceRead(), LINGER_MS).unref();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    } else {
      const { verbose = false } = program.opts<{ readonly verbose?: boolean }>();
      printError(error, verbose || Boolean(process.env["DEBUG"]));
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
