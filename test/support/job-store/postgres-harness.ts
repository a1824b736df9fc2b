import { Client } from "pg";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import type { JobStoreHarness } from "../../../src/jobs/conformance/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";
import { createDatabase } from "../postgres-database.ts";
import type { TestServer } from "../servers/test-server.ts";

/** Access to the job store in PostgreSQL, in a database of its own. Closing it closes the server. */
export async function postgresJobsHarness(server: TestServer): Promise<JobStoreHarness> {
  const clock = new FakeClock();
  const database = await createDatabase(server.url);
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
      await server.close();
    },
  };
}
