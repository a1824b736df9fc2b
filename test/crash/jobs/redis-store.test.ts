import { randomUUID } from "node:crypto";
import { afterAll, describe } from "vitest";
import { removeRedisKeys } from "../../support/redis-keys.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { testJobCrashes } from "./support.ts";

const { server, missing } = await findServer("redis");
const [url, prefix] = [server?.url ?? "redis://localhost", `qp-test-${randomUUID()}`];

describe.skipIf(missing !== undefined)(onServer("redis"), () => {
  afterAll(async () => {
    if (server === undefined) return;
    await removeRedisKeys(url, prefix);
    await server.close();
  });
  testJobCrashes("directory", {
    on: "the directory adapter, with records in Redis",
    kills: 24,
    jobs: 500,
    redis: { url, prefix },
  });
});
