import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/lib/clock.ts";
import { Listener } from "./amqp/listener.ts";
import { Namespace } from "./broker/namespace.ts";
import { refusals } from "./broker/refusal.ts";
import { Faults } from "./faults.ts";
import { AdministrationServer } from "./http/administration.ts";
import { Journal } from "./journal.ts";
import type { QueueDefinition, ServiceBusServerOptions } from "./options.ts";
import { noCounts, type ServiceBusServerStats } from "./stats.ts";

/** A server that runs. */
export interface ServiceBusServer {
  readonly host: string;
  readonly port: number;
  /** For `new ServiceBusClient(...)`. */
  readonly connectionString: string;
  readonly stats: ServiceBusServerStats;
  readonly faults: Faults;
  resetStats(): void;
  /** Creates a queue, of any lock duration. Throws where there is one of that name. */
  createQueue(queue: string | QueueDefinition): void;
  /** Removes a queue and its messages. Throws where there is none. */
  deleteQueue(name: string): void;
  /** Ends every connection. What is in a `dataDir` is there for the next start. */
  stop(): Promise<void>;
}

const MAX_MESSAGE_BYTES = 262_144;
const FIRST_BYTE_OF_AMQP = "A".charCodeAt(0);

/**
 * Starts an AMQP 1.0 server that Microsoft's own Service Bus SDK talks to: for local work and tests. Queues, their
 * dead letters, sessions, schedules, duplicate detection; no topics, no transactions, no passwords. On the same port it
 * answers the administration client, in plain http.
 *
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
  const namespace = new Namespace(clock);
  const journal = dataDir === undefined ? undefined : new Journal(dataDir, namespace);
  for (const queue of queues) {
    const name = typeof queue === "string" ? queue : queue.name;
    if (!namespace.has(name)) namespace.create(queue);
  }
  const sockets = new Set<Socket>();
  let isStalled = false;
  const faults = new Faults(
    () => cut(sockets),
    (queue, refusal) => listener.detach(queue, refusal),
    (stalled) => {
      isStalled = stalled;
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
    welcome(socket, listener, administration);
    if (isStalled) socket.pause();
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
      cut(sockets);
      await closed;
    },
  };
}

function cut(sockets: ReadonlySet<Socket>): number {
  const { size } = sockets;
  for (const socket of sockets) socket.destroy();
  return size;
}

/** Tells by its first byte whether a client speaks AMQP or http. */
function welcome(socket: Socket, listener: Listener, administration: AdministrationServer): void {
  socket.once("data", (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    if (first[0] === FIRST_BYTE_OF_AMQP) listener.accept(socket);
    else administration.accept(socket);
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
