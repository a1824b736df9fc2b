import { Command, Option } from "commander";
import { logLevels } from "../../adapters/config-file.ts";
import { defaults } from "../../src/defaults.ts";
import { addHelp } from "../lib/help.ts";
import {
  addConfigOptions,
  addHandlersOption,
  duration,
  durationText,
  names,
  positiveDuration,
  whole,
} from "../lib/options.ts";
import type { WorkerFlags } from "./settings.ts";

/** `queueport worker`: a worker process. */
export function workerCommand(): Command {
  const command = new Command("worker")
    .summary("Run job handlers on queues until the process is stopped")
    .description(
      `Runs the handlers of a module on one or more queues. SIGTERM and SIGINT start a drain: no new message is received, and running jobs get time to finish. A second signal exits immediately.

A flag takes precedence over its environment variable, which takes precedence over the configuration file.`,
    )
    .optionsGroup("Jobs:")
    .addOption(
      new Option(
        "-q, --queue <name>",
        "queue to receive from; repeat the flag, or separate names with commas (default: worker.queues in the configuration)",
      )
        .env("QUEUEPORT_QUEUES")
        .argParser(names),
    );
  addHandlersOption(command)
    .addOption(
      new Option(
        "--concurrency <n>",
        `largest number of handlers that run at the same time on each queue (default: ${defaults.concurrency})`,
      )
        .env("QUEUEPORT_CONCURRENCY")
        .argParser(whole(1)),
    )
    .addOption(
      new Option(
        "--timeout <duration>",
        `time limit for one run, such as 30s or 10m; then the job's signal aborts (default: ${durationText(defaults.timeoutMs)})`,
      )
        .env("QUEUEPORT_TIMEOUT")
        .argParser(positiveDuration),
    )
    .addOption(
      new Option(
        "--lease <duration>",
        `time that a message is leased without an extension, such as 60s (default: ${durationText(defaults.leaseMs)})`,
      )
        .env("QUEUEPORT_LEASE")
        .argParser(positiveDuration),
    )
    .optionsGroup("Shutdown:")
    .addOption(
      new Option(
        "--drain <duration>",
        `time that running jobs get to finish, such as 10s or 2m; then their signals abort (default: ${durationText(defaults.drainMs)})`,
      )
        .env("QUEUEPORT_DRAIN")
        .argParser(duration),
    )
    .addOption(
      new Option(
        "--grace <duration>",
        `time that running jobs get after their signals have aborted, such as 1s (default: ${durationText(defaults.graceMs)})`,
      )
        .env("QUEUEPORT_GRACE")
        .argParser(duration),
    )
    .optionsGroup("Monitoring:")
    .addOption(
      new Option(
        "--metrics-port <port>",
        "port that serves /metrics and /health/*, such as 9464; 0 selects a free port and logs it (default: no server)",
      )
        .env("QUEUEPORT_METRICS_PORT")
        .argParser(whole(0, 65_535)),
    )
    .addOption(
      new Option("--host <address>", "address that serves them, such as 127.0.0.1 (default: 0.0.0.0)").env(
        "QUEUEPORT_HOST",
      ),
    )
    .addOption(
      new Option("--log-level <level>", "least severe level that is logged (default: info)")
        .env("QUEUEPORT_LOG_LEVEL")
        .choices(logLevels),
    )
    .option("--pretty", "log lines for people (default: only on a terminal)")
    .option("--no-pretty", "log one JSON object per line, also on a terminal");
  addConfigOptions(command);
  addHelp(command, {
    examples: [
      "queueport worker --provider memory --handlers ./handlers.ts --queue emails",
      "queueport worker --queue emails,reports --concurrency 20 --metrics-port 9464",
    ],
    exitCodes: {
      0: "the worker drained: every running job finished",
      1: "the provider or a hook of the handlers module failed",
      3: "the drain was incomplete: a job ignored its aborted signal; the message names the job",
    },
    hasSignals: true,
  });
  return command.action(async (flags: WorkerFlags) => {
    // Loaded here so that the other commands start without the logger.
    const { runWorker } = await import("./run.ts");
    await runWorker(flags);
  });
}
