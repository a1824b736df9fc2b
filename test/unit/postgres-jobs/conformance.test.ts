import { describe } from "vitest";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { postgresJobsHarness } from "../../support/job-store/postgres-harness.ts";
import { findServer, onServer, requireServer } from "../../support/servers/find-server.ts";

const { server, missing } = await findServer("postgres");
await server?.close();
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the Postgres job store. ${missing}`);

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  // Found again: a private server would have to live until the last case.
  describeJobStoreConformance("postgres", async () => postgresJobsHarness(await requireServer("postgres")));
});
