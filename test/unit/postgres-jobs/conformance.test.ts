import { Client } from "pg";
import { describe } from "vitest";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { createDatabase } from "../../support/postgres-database.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";

const { server, missing } = await findServer("postgres");
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the Postgres job store. ${missing}`);

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  describeJobStoreConformance("postgres", async () => {
    const clock = new FakeClock();
    const database = await createDatabase(server?.url ?? "");
    return {
      name: "postgres",
      clock,
      open: async () => {
        const store = postgresJobStore({ url: database.url, clock });
        await store.migrate();
        return store;
      },
      beginTransaction: async () => {
        const handle = new Client({ connectionString: database.url });
        await handle.connect();
        await handle.query("BEGIN");
        const end = async (how: "COMMIT" | "ROLLBACK"): Promise<void> => {
          await handle.query(how);
          await handle.end();
        };
        return { handle, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
      },
      close: async () => {
        await database.drop();
        await server?.close();
      },
    };
  });
});
