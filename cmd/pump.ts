import { Command } from "commander";
import { openQueue } from "../adapters/open.ts";
import { QueueError } from "../src/errors.ts";
import { loadConfig } from "./lib/config-file.ts";
import { addSourceOptions, names, type SourceFlags } from "./lib/options.ts";
import { errorLine, print, warn } from "./lib/output.ts";
import { onSignals } from "./lib/signals.ts";

/** `queueport pump`: moves delayed messages on, and handles none. */
export function pumpCommand(): Command {
  const command = new Command("pump")
    .description("Move delayed messages on until SIGTERM or SIGINT, and handle none.")
    .argument("[queue...]", "queues (default: worker.queues of the configuration)", names);
  return addSourceOptions(command)
    .addHelpText(
      "after",
      `
Every worker does the same beside its work. A pump is for queues whose workers come and go, such as those that are
scaled to none: a delay that the provider cannot hold ends when somebody is there to move its message.

Example:
  $ queueport pump emails reports`,
    )
    .action(async (given: readonly string[], flags: SourceFlags) => {
      const config = await loadConfig(flags);
      const queues = [...new Set(given.length > 0 ? given : config.worker.queues)];
      if (queues.length === 0) {
        throw new QueueError("config", "No queue to pump: name one, or worker.queues in the configuration.");
      }
      await using queue = await openQueue(config.queue);
      using interrupt = onSignals();
      const { signal, stop } = interrupt;
      const onEvent: Parameters<typeof queue.pump>[1] = {
        signal,
        onEvent(event) {
          if (event.event === "warning") warn(event.message);
          if (event.event === "poll_failed") warn(`${event.queue}: ${errorLine(event.error)}`);
          if (event.event === "settle_failed")
            warn(`${event.queue}: message ${event.id} could not be moved.`);
        },
      };
      // One that cannot be pumped, such as one that is missing, ends them all.
      const pumps = queues.map((name) => queue.pump(name, onEvent).finally(() => stop(undefined)));
      print(`pumping ${queues.join(", ")}`);
      const failed = (await Promise.allSettled(pumps)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    });
}
