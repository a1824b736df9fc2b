import { describe } from "vitest";
import { onServer } from "../support/servers/find-server.ts";
import { hasRedisProgram } from "../support/servers/redis-server.ts";
import { testCrashes } from "./support.ts";

describe.skipIf(!hasRedisProgram())(onServer("redis"), () => {
  testCrashes("redis", { on: "Redis", kills: 24, jobs: 600 });
});
