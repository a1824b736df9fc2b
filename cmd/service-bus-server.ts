import { Command } from "commander";
import { load } from "../adapters/load.ts";
import type { QueueDefinition, ServiceBusServer } from "../servers/service-bus/index.ts";
import { QueueError } from "../src/errors.ts";
import { addHelp } from "./lib/help.ts";
import {
  addJsonOption,
  duration,
  type JsonFlags,
  names,
  pair,
  positiveDuration,
  whole,
} from "./lib/options.ts";
import { print } from "./lib/output.ts";
import { onSignals } from "./lib/signals.ts";

interface ServerFlags extends JsonFlags {
  readonly port: number;
  readonly host: string;
  readonly queue?: readonly string[];
  readonly sessionQueue?: readonly string[];
  readonly lock?: number;
  readonly maxDeliveryCount?: number;
  readonly dedup?: number;
  readonly dataDir?: string;
  readonly maxMessageBytes?: number;
  readonly key?: Readonly<Record<string, string>>;
}

/** `queueport service-bus-server`: a local server that speaks the protocol of Azure Service Bus. */
export function serviceBusServerCommand(): Command {
  const command = new Command("service-bus-server")
    .summary("Run a local Azure Service Bus server")
    .description(
      `Runs a local server for development and tests until SIGTERM or SIGINT, and prints its connection string. Microsoft's Service Bus SDKs connect to it. It needs the package rhea.

Queues that exist in the data directory keep their settings. The administration client and queue.ensure() create more.`,
    )
    .optionsGroup("Server:")
    .option(
      "-p, --port <port>",
      "port for AMQP and administration; 0 selects a free port",
      whole(0, 65_535),
      5672,
    )
    .option("--host <address>", "address that the server listens on", "127.0.0.1")
    .option(
      "-d, --data-dir <directory>",
      "directory that keeps queues and messages when the server stops (default: in memory)",
    )
    .option(
      "--max-message-bytes <n>",
      "largest size of a message or batch, in bytes (default: 262144)",
      whole(1_024),
    )
    .option(
      "--key <name=key>",
      "shared access key; if set, only tokens of these keys are accepted; repeat the flag for more (default: any)",
      pair,
    )
    .optionsGroup("Queues:")
    .option("-q, --queue <name>", "queue to create; repeat the flag, or separate names with commas", names)
    .option(
      "--session-queue <name>",
      "queue to create that requires sessions; repeat the flag, or separate names with commas",
      names,
    )
    .option(
      "--lock <duration>",
      "time that these queues lock a message, at most 5m (default: 60s)",
      positiveDuration,
    )
    .option(
      "--max-delivery-count <n>",
      "failed deliveries after which these queues dead-letter a message (default: 10)",
      whole(1, 2_000),
    )
    .option(
      "--dedup <duration>",
      "time in which these queues drop a repeated message id, such as 10m (default: off)",
      duration,
    );
  addJsonOption(command, "{ host, port, connectionString }");
  return addHelp(command, {
    examples: ["queueport service-bus-server --queue emails --session-queue orders --data-dir .service-bus"],
    exitCodes: { 0: "a signal ended the server" },
    hasSignals: true,
  }).action(runServer);
}

async function runServer(flags: ServerFlags): Promise<void> {
  using interrupt = onSignals();
  const server = await start(flags);
  const { host, port, connectionString } = server;
  print(
    flags.json
      ? JSON.stringify({ host, port, connectionString })
      : `Service Bus on ${host}:${port}; Ctrl-C ends it.\n${connectionString}`,
  );
  await new Promise<void>((resolve) => {
    if (interrupt.signal.aborted) resolve();
    interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await server.stop();
}

async function start(flags: ServerFlags): Promise<ServiceBusServer> {
  const { port, host, dataDir, maxMessageBytes, key: keys } = flags;
  const { startServiceBusServer } = await load(
    "service-bus-server",
    ["rhea"],
    () => import("../servers/service-bus/index.ts"),
  );
  const common = {
    lockDurationMs: flags.lock,
    maxDeliveryCount: flags.maxDeliveryCount,
    duplicateDetectionWindowMs: flags.dedup,
  };
  const queues: QueueDefinition[] = [
    ...(flags.queue ?? []).map((name) => ({ ...common, name })),
    ...(flags.sessionQueue ?? []).map((name) => ({ ...common, name, requiresSession: true })),
  ];
  try {
    return await startServiceBusServer({ port, host, queues, dataDir, maxMessageBytes, keys });
  } catch (cause) {
    throw new QueueError("config", `The server cannot start: ${reasonOf(cause, host, port)}`, { cause });
  }
}

function reasonOf(cause: unknown, host: string, port: number): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return `port ${port} on ${host} is in use. Choose another --port.`;
  return message;
}
