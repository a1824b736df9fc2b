import { describe } from "vitest";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { postgresJobsHarness } from "../../support/job-store/postgres-harness.ts";
import { embeddedBinaries } from "../../support/servers/embedded-postgres.ts";
import { onServer } from "../../support/servers/find-server.ts";
import { embeddedPostgres } from "../../support/servers/postgres-server.ts";

// The newest server, and other random changes, also if this machine has another one.
const hasServer = (await embeddedBinaries()) !== undefined;

describe.skipIf(!hasServer)(onServer("postgres"), () => {
  describeJobStoreConformance(
    "postgres",
    async () => {
      const server = await embeddedPostgres();
      if (server === undefined) throw new Error("The package embedded-postgres has no server.");
      return postgresJobsHarness(server);
    },
    { seed: 18 },
  );
});
