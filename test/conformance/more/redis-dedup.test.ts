import { describe } from "vitest";
import { onServer } from "../../support/servers/find-server.ts";
import { hasRedisProgram } from "../../support/servers/redis-server.ts";
import { testConformance } from "../support.ts";

describe.skipIf(!hasRedisProgram())(onServer("redis"), () => {
  testConformance("redis-dedup", { isListed: false });
});
