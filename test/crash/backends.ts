import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgres } from "../../adapters/postgres/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { createDatabase } from "../support/postgres-database.ts";
import { requireServer } from "../support/servers/find-server.ts";
import { embeddedPostgres } from "../support/servers/postgres-server.ts";
import { privateRedis } from "../support/servers/redis-server.ts";
import { ServiceBusProcess } from "../support/service-bus.ts";
import { clientOptions, startSqsServer } from "../support/sqs-server.ts";
import type { AdapterConfig } from "./config.ts";

/** A broker that holds the messages of a campaign. */
export interface Backend {
  readonly adapter: AdapterConfig;
  /** Kills the server and starts a new one on the same data. Only servers that keep their data on disk have it. */
  restart?(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a broker, and stops it after its use.
 * @throws Error if there is no backend of this name
 */
export async function withBackend<T>(name: string, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await backends[name]?.();
  if (backend === undefined) throw new Error(`There is no backend "${name}" to crash on.`);
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** Brokers whose messages survive a killed worker, by name. Each call starts one. */
export const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  async directory() {
    const path = await mkdtemp(join(tmpdir(), "queueport-"));
    return {
      adapter: { name: "directory", options: { path } },
      close: () => rm(path, { recursive: true }),
    };
  },
  async "delay-store"() {
    const path = await mkdtemp(join(tmpdir(), "queueport-"));
    const delayStore = join(path, "delays.db");
    return {
      adapter: { name: "directory", options: { path: join(path, "queues") }, delayStore },
      close: () => rm(path, { recursive: true }),
    };
  },
  async postgres() {
    const own = await embeddedPostgres();
    const server = own ?? (await requireServer("postgres"));
    const database = await createDatabase(server.url);
    const options = { url: database.url };
    const queue = createQueue(postgres(options));
    await queue.ensure("tables");
    await queue.close();
    return {
      adapter: { name: "postgres", options },
      ...(own === undefined
        ? {}
        : {
            async restart() {
              await own.kill();
              await own.start();
            },
          }),
      async close() {
        await database.drop();
        await server.close();
      },
    };
  },
  async redis() {
    const server = await privateRedis();
    if (server === undefined) throw new Error("There is no redis-server on this machine.");
    return {
      adapter: { name: "redis", options: { url: server.url } },
      async restart() {
        await server.kill();
        await server.start();
      },
      close: () => server.close(),
    };
  },
  async sqlite() {
    const path = await mkdtemp(join(tmpdir(), "queueport-"));
    return {
      adapter: { name: "sqlite", options: { path: join(path, "queues.db") } },
      close: () => rm(path, { recursive: true }),
    };
  },
  async sqs() {
    const server = await startSqsServer();
    const options = { ...clientOptions(server), waitSeconds: 1 };
    return { adapter: { name: "sqs", options }, close: () => server.close() };
  },
  async "service-bus"() {
    const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
    const server = await ServiceBusProcess.start({ dataDir });
    const { connectionString } = server;
    return {
      adapter: { name: "service-bus", options: { connectionString } },
      restart: () => server.restart(),
      async close() {
        await server.kill();
        await rm(dataDir, { recursive: true });
      },
    };
  },
};
