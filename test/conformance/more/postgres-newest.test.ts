import { describe } from "vitest";
import { embeddedBinaries } from "../../support/servers/embedded-postgres.ts";
import { onServer } from "../../support/servers/find-server.ts";
import { testConformance } from "../support.ts";

// The newest server, with queues that deduplicate, also if this machine has another one.
const hasServer = (await embeddedBinaries()) !== undefined;

describe.skipIf(!hasServer)(onServer("postgres"), () => {
  testConformance("postgres-newest", { isListed: false });
});
