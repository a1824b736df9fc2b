import { Command, Option } from "commander";
import { exitCodesHelp } from "../lib/exit-codes.ts";
import { addSourceOptions, duration, logLevels, names, positiveDuration, whole } from "../lib/options.ts";
import type { WorkerFlags } from "./settings.ts";

/** `queueport worker`: its options, with the environment variable of each. */
export function workerCommand(): Command {
  const command = new Command("worker").description(
    "Work on queues until SIGTERM or SIGINT, then drain. A second signal exits at once.",
  );
  return addSourceOptions(command)
    .addOption(new Option("-H, --handlers <file>", "handlers module (ts, js, mjs)").env("QUEUEPORT_HANDLERS"))
    .addOption(
      new Option("-q, --queue <name>", "queue to work on; repeat it, or list with commas")
        .env("QUEUEPORT_QUEUES")
        .argParser(names),
    )
    .addOption(
      new Option("--concurrency <n>", "handlers at once on each queue (default: 10)")
        .env("QUEUEPORT_CONCURRENCY")
        .argParser(whole(1)),
    )
    .addOption(
      new Option("--timeout <duration>", "how long a run may take (default: 5m)")
        .env("QUEUEPORT_TIMEOUT")
        .argParser(positiveDuration),
    )
    .addOption(
      new Option("--lease <duration>", "how long a message is held without an extension (default: 30s)")
        .env("QUEUEPORT_LEASE")
        .argParser(positiveDuration),
    )
    .addOption(
      new Option("--drain <duration>", "how long running jobs get on shutdown (default: 25s)")
        .env("QUEUEPORT_DRAIN")
        .argParser(duration),
    )
    .addOption(
      new Option("--grace <duration>", "how long they get after that, once their signal aborts (default: 5s)")
        .env("QUEUEPORT_GRACE")
        .argParser(duration),
    )
    .addOption(
      new Option("--metrics-port <port>", "serve /metrics and /health/*; 0 takes a free port and logs it")
        .env("QUEUEPORT_METRICS_PORT")
        .argParser(whole(0, 65_535)),
    )
    .addOption(
      new Option("--host <address>", "address to serve them on (default: 0.0.0.0)").env("QUEUEPORT_HOST"),
    )
    .addOption(
      new Option("--log-level <level>", "least level to log (default: info)")
        .env("QUEUEPORT_LOG_LEVEL")
        .choices(logLevels),
    )
    .option("--pretty", "log for people (default: on a terminal)")
    .option("--no-pretty", "log JSON, also on a terminal")
    .addHelpText(
      "after",
      `
Flags win over the environment, the environment over the configuration file.

Example:
  $ queueport worker --config queueport.config.ts --handlers ./handlers.ts --queue emails --queue reports \\
      --concurrency 20 --metrics-port 9464

${exitCodesHelp}`,
    )
    .action(async (flags: WorkerFlags) => {
      const { runWorker } = await import("./run.ts");
      await runWorker(flags);
    });
}
