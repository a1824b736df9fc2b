import { randomUUID } from "node:crypto";
import type { StoreConfig } from "../../adapters/open.ts";
import { removeRedisKeys } from "../support/redis-keys.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";

/** A store on which a journey runs. The configuration is all that differs. */
export interface JourneyStore {
  /** The end of the title of the suite. */
  readonly on: string;
  /** Set if this machine has no server for it. */
  readonly missing?: string | undefined;
  readonly store: StoreConfig;
  readonly close: () => Promise<void>;
}

/** The stores on which the journeys run. */
export async function journeyStores(): Promise<readonly JourneyStore[]> {
  const { server, missing } = await findServer("redis");
  const [url, prefix] = [server?.url ?? "redis://localhost", `qp-test-${randomUUID()}`];
  return [
    { on: "in memory", store: { memory: true }, close: async () => {} },
    {
      on: onServer("redis"),
      missing,
      store: { redis: { url, prefix } },
      async close() {
        if (server === undefined) return;
        await removeRedisKeys(url, prefix);
        await server.close();
      },
    },
  ];
}
