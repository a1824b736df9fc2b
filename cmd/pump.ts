import { Command } from "commander";
import type { PumpOptions } from "../src/queue/queue.ts";
import { loadConfig } from "./lib/config-file.ts";
import { memoryWarning, openConfigured, openConfiguredJobs } from "./lib/open.ts";
import { addHelp } from "./lib/help.ts";
import { addConfigOptions, type ConfigFlags } from "./lib/options.ts";
import { errorLine, print, warn } from "./lib/output.ts";
import { addQueuesArgument, queuesOf } from "./lib/queues.ts";
import { onSignals } from "./lib/signals.ts";

/** `queueport pump`: a process that moves delayed messages and runs no handler. */
export function pumpCommand(): Command {
  const command = new Command("pump")
    .summary("Move delayed messages to their queues when they are due")
    .description(
      `Moves delayed messages from delay queues and from a delay store to their queues when they are due, until SIGTERM or SIGINT. It runs no handlers.

With --jobs, it also sends the recorded jobs that are due, and those whose sender has died.

Every worker does the same for its queues. A pump is for queues whose workers are not always running, such as those that are scaled to zero: without a worker or a pump, a delay that the provider cannot hold does not end.`,
    );
  addQueuesArgument(command)
    .optionsGroup("Mode:")
    .option(
      "--jobs",
      "also send the recorded jobs that are due, of all queues; a queue need not be named then",
    );
  addConfigOptions(command);
  return addHelp(command, {
    examples: ["queueport pump emails reports", "queueport pump --jobs"],
    exitCodes: {
      0: "a signal ended the command",
      1: "a queue could not be pumped, because it does not exist for instance",
    },
    hasSignals: true,
  }).action(runPump);
}

interface PumpFlags extends ConfigFlags {
  readonly jobs?: boolean;
}

async function runPump(given: readonly string[], flags: PumpFlags): Promise<void> {
  const config = await loadConfig(flags);
  const queues = flags.jobs && given.length === 0 ? [] : queuesOf(given, config);
  using interrupt = onSignals();
  await using jobs = flags.jobs ? await openConfiguredJobs(config) : undefined;
  await using queue = jobs === undefined ? await openConfigured(config) : jobs.queue;
  const warning = jobs === undefined ? undefined : memoryWarning(queue);
  if (warning !== undefined) warn(warning);
  const { signal, stop } = interrupt;
  const options: PumpOptions = {
    signal,
    onEvent(event) {
      if (event.event === "warning") warn(event.message);
      if (event.event === "poll_failed") warn(`${event.queue}: ${errorLine(event.error)}`);
      if (event.event === "settle_failed") warn(`${event.queue}: message ${event.id} could not be moved.`);
    },
  };
  // The first one that fails ends all, so that a missing queue is not overlooked.
  const pumps = [
    ...queues.map((name) => queue.pump(name, options)),
    ...(jobs === undefined ? [] : [jobs.dispatch({ signal })]),
  ].map((pump) => pump.finally(() => stop(undefined)));
  print(`pumping ${[...queues, ...(jobs === undefined ? [] : ["recorded jobs"])].join(", ")}`);
  const failed = (await Promise.allSettled(pumps)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
