import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { redis, type RedisOptions } from "../../../adapters/redis/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { type Harness, startCutter } from "../../../src/conformance/index.ts";
import { requireServer } from "../../support/servers/find-server.ts";
import { privateRedis } from "../../support/servers/redis-server.ts";
import type { PrivateServer, TestServer } from "../../support/servers/test-server.ts";
import { onBusyMachine } from "./timing.ts";

/** Starts the harness of the Redis adapter on the server of this machine, or on a private one. */
export async function redisHarness(): Promise<Harness> {
  return onServer("redis", await requireServer("redis"), {});
}

/** Starts the same harness on a private server: it can be killed, and its queues deduplicate. */
export async function privateRedisHarness(): Promise<Harness> {
  const server = await privateRedis();
  if (server === undefined) throw new Error("There is no redis-server on this machine.");
  return onServer("redis-dedup", server, { dedupWindowMs: "5m" }, server);
}

async function onServer(
  name: string,
  server: TestServer,
  options: RedisOptions,
  restarts?: PrivateServer,
): Promise<Harness> {
  const prefix = `qp-test-${randomUUID()}`;
  const direct = new URL(server.url);
  const cutter = await startCutter({ host: direct.hostname, port: Number(direct.port || 6379) });
  const proxied = new URL(direct);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(cutter.port);
  const all = { ...options, prefix };
  const admin = createQueue(redis({ ...all, url: server.url }));
  return {
    name,
    server: server.name,
    atomicRequests: true,
    timing: onBusyMachine,
    // Short polls, so that the cases that wait for the end of one take little time.
    open: async () => redis({ ...all, url: proxied.href, limits: { longPollMs: 4_000 } }),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
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
      await admin.close();
      await cutter.close();
      await removeKeys(server.url, prefix);
      await server.close();
    },
  };
}

/** Removes what a receiver wrote after its queue was dropped. */
async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = createClient({ url, RESP: 2 });
  client.on("error", () => {});
  await client.connect();
  for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 }))
    if (keys.length > 0) await client.unlink(keys);
  client.destroy();
}
