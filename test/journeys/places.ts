import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigFile } from "../../adapters/open.ts";
import { removeRedisKeys } from "../support/redis-keys.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";

/** A place of queues and records on which a journey runs. Its configuration is all that differs. */
export interface JourneyPlace {
  /** The end of the title of the suite. */
  readonly on: string;
  /** Set if this machine has no server for it. */
  readonly missing?: string | undefined;
  /** The configuration of queues and records that no earlier call has returned. */
  readonly config: () => ConfigFile;
  readonly close: () => Promise<void>;
}

/** The places on which journeys run. */
export async function journeyPlaces(): Promise<readonly JourneyPlace[]> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-journey-"));
  const { server, missing } = await findServer("redis");
  const [url, prefix] = [server?.url ?? "redis://localhost", `qp-test-${randomUUID()}`];
  return [
    {
      on: "in memory",
      config: () => ({ provider: "memory", jobs: { store: { memory: true } } }),
      close: async () => {},
    },
    {
      on: "in a file of SQLite",
      config() {
        const path = join(directory, `${randomUUID()}.db`);
        return { provider: "sqlite", path, jobs: { store: { sqlite: path }, migrate: true } };
      },
      close: () => rm(directory, { recursive: true }),
    },
    {
      on: onServer("redis"),
      missing,
      config() {
        const own = `${prefix}:${randomUUID()}`;
        return { provider: "redis", url, prefix: own, jobs: { store: { redis: { url, prefix: own } } } };
      },
      async close() {
        if (server === undefined) return;
        await removeRedisKeys(url, prefix);
        await server.close();
      },
    },
  ];
}
