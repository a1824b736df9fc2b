import { Command } from "commander";
import { load } from "../adapters/load.ts";
import type { QueueDefinition, ServiceBusServer } from "../servers/service-bus/index.ts";
import { QueueError } from "../src/errors.ts";
import { duration, names, pair, positiveDuration, whole } from "./lib/options.ts";
import { print } from "./lib/output.ts";
import { onSignals } from "./lib/signals.ts";

interface ServerFlags {
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
  readonly json?: boolean;
}

/** `queueport service-bus-server`: a Service Bus for this machine. */
export function serviceBusServerCommand(): Command {
  return new Command("service-bus-server")
    .description("Run a local server that Microsoft's Service Bus SDK talks to, until SIGTERM or SIGINT.")
    .option(
      "-p, --port <port>",
      "port for AMQP and administration; 0 takes a free one",
      whole(0, 65_535),
      5672,
    )
    .option("--host <address>", "address to listen on; the server is for this machine", "127.0.0.1")
    .option("-q, --queue <name>", "queue to be there; repeat it, or list with commas", names)
    .option("--session-queue <name>", "queue that requires sessions; repeat it, or list with commas", names)
    .option("--lock <duration>", "how long these queues lock a message (default: 60s)", positiveDuration)
    .option("--max-delivery-count <n>", "failed deliveries of a message (default: 10)", whole(1, 2_000))
    .option("--dedup <duration>", "how long they drop a repeated message id (default: off)", duration)
    .option("-d, --data-dir <directory>", "keep queues and messages there (default: in memory)")
    .option("--max-message-bytes <n>", "the largest message or batch (default: 262144)", whole(1_024))
    .option("--key <name=key>", "take tokens of this shared access key alone; repeat it (default: any)", pair)
    .option("--json", "print where it listens as JSON")
    .addHelpText(
      "after",
      `
The administration client may create further queues; so does ensure().

Example:
  $ queueport service-bus-server --queue emails --session-queue orders --data-dir .service-bus`,
    )
    .action(runServer);
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
  if (code === "EADDRINUSE") return `port ${port} on ${host} is in use. Choose another by --port.`;
  return message;
}
