import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/lib/clock.ts";
import { Listener } from "./amqp/listener.ts";
import { withProperties } from "./amqp/sections.ts";
import { Namespace } from "./broker/namespace.ts";
import { refusals } from "./broker/refusal.ts";
import { Faults } from "./faults.ts";
import { AdministrationServer } from "./http/administration.ts";
import { Journal } from "./journal/journal.ts";
import type { QueueDefinition, ServiceBusServerOptions } from "./options.ts";
import { noCounts, type ServiceBusServerStats } from "./stats.ts";

/** A running server. */
export interface ServiceBusServer {
  readonly host: string;
  readonly port: number;
  /** Connection string for `new ServiceBusClient(...)`. It carries the first of `keys`, if there are any. */
  readonly connectionString: string;
  /** Traffic since the start or the last `resetStats`. */
  readonly stats: ServiceBusServerStats;
  /** Faults to inject. */
  readonly faults: Faults;
  resetStats(): void;
  /**
   * Creates a queue. Its locks may be shorter than the 5 s that Service Bus requires.
   * @throws RangeError if Service Bus would not accept the definition
   * @throws Error with the `condition` `amqp:not-allowed` if a queue has this name
   */
  createQueue(queue: string | QueueDefinition): void;
  /**
   * Removes a queue and its messages.
   * @throws Error with the `condition` `amqp:not-found` if there is no such queue
   */
  deleteQueue(name: string): void;
  /** Ends all connections and closes the port. With a `dataDir`, the next start continues with the same content. */
  stop(): Promise<void>;
}

/**
 * Largest message in the Standard tier, 256 KB:
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas (2026-07-21).
 */
const MAX_MESSAGE_BYTES = 262_144;
/** Time in which a client has to open its connection. Without a limit, idle sockets would add up. */
const OPEN_TIMEOUT_MS = 30_000;
const FIRST_BYTE_OF_AMQP = "A".charCodeAt(0);

/**
 * Starts a local AMQP 1.0 server for Microsoft's Service Bus SDK. It has queues, dead letters, sessions, schedules and
 * duplicate detection. It has no topics and no transactions. The same port serves the administration client over plain
 * HTTP.
 *
 * @throws RangeError if Service Bus would not accept one of the queues
 * @throws Error if a running server holds `dataDir`, or the system's error if the port cannot be opened (`EADDRINUSE`)
 * @example
 * import { startServiceBusServer } from "queueport/service-bus-server";
 *
 * const server = await startServiceBusServer({ port: 5672, queues: ["emails"] });
 * const client = new ServiceBusClient(server.connectionString);
 */
export async function startServiceBusServer(
  options: ServiceBusServerOptions = {},
): Promise<ServiceBusServer> {
  const { port = 0, host = "127.0.0.1", queues = [], dataDir, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const { keys, clock = systemClock } = options;
  const [[keyName, key] = ["local", "local"]] = Object.entries(keys ?? {});
  const namespace = new Namespace(clock, withProperties);
  const journal = dataDir === undefined ? undefined : new Journal(dataDir, namespace);
  for (const queue of queues) {
    const name = typeof queue === "string" ? queue : queue.name;
    if (!namespace.has(name)) namespace.create(queue);
  }
  const sockets = new Set<Socket>();
  let isPaused = false;
  const faults = new Faults(
    () => destroyAll(sockets),
    (queue, refusal) => listener.detach(queue, refusal),
    (stalled) => {
      isPaused = stalled;
      for (const socket of sockets)
        if (stalled) socket.pause();
        else socket.resume();
    },
  );
  let counts = noCounts();
  const context = {
    namespace,
    faults,
    maxMessageBytes,
    keys,
    get counts() {
      return counts;
    },
  };
  const listener = new Listener(context);
  namespace.onDrop = (name) => listener.closeSenders(name, refusals.notFound(name));
  const administration = new AdministrationServer(namespace, keys);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    const timer = clock.timer(OPEN_TIMEOUT_MS, () => socket.destroy());
    socket.on("close", () => timer.cancel());
    acceptByProtocol(socket, listener, administration, () => timer.cancel());
    if (isPaused) socket.pause();
  });
  try {
    await listen(server, port, host);
  } catch (error) {
    journal?.close();
    throw error;
  }
  const address = server.address() as AddressInfo;
  return {
    host,
    port: address.port,
    connectionString: `Endpoint=sb://${host}:${address.port};SharedAccessKeyName=${keyName};SharedAccessKey=${key};UseDevelopmentEmulator=true;`,
    faults,
    get stats() {
      return { ...counts };
    },
    resetStats() {
      counts = noCounts();
    },
    createQueue: (queue) => void namespace.create(queue),
    deleteQueue: (name) => namespace.drop(name),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      journal?.close();
      namespace.timers.stop();
      administration.close();
      destroyAll(sockets);
      await closed;
    },
  };
}

function destroyAll(sockets: ReadonlySet<Socket>): number {
  const { size } = sockets;
  for (const socket of sockets) socket.destroy();
  return size;
}

/**
 * Gives a socket to the AMQP or the HTTP side, according to the first byte that the client sends.
 * @param onOpen called when the client has opened an AMQP connection, or has sent an HTTP request
 */
function acceptByProtocol(
  socket: Socket,
  listener: Listener,
  administration: AdministrationServer,
  onOpen: () => void,
): void {
  socket.once("data", (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    if (first[0] === FIRST_BYTE_OF_AMQP) listener.accept(socket, onOpen);
    else administration.accept(socket, onOpen);
    process.nextTick(() => socket.resume());
  });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
