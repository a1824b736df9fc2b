import { afterAll, describe, expect, test } from "vitest";
import { jobsMigrationText } from "../../../adapters/postgres/migrator.ts";
import { postgresJobStore } from "../../../adapters/postgres/index.ts";
import { createDatabase } from "../../support/postgres-database.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";

const { server, missing } = await findServer("postgres");

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  afterAll(() => server?.close());

  test("the printed statements create the tables that migrate creates", async () => {
    const database = await createDatabase(server?.url ?? "");
    const store = postgresJobStore({ url: database.url, schema: "Jobs" });
    try {
      await database.query(jobsMigrationText({ schema: "Jobs" }));
      await store.open("ns", "memory");
      expect(await store.migrate()).toEqual({ from: 1, to: 1 });
    } finally {
      await store.close();
      await database.drop();
    }
  });

  test("several processes that migrate at once wait for each other", async () => {
    const database = await createDatabase(server?.url ?? "");
    const stores = Array.from({ length: 4 }, () => postgresJobStore({ url: database.url }));
    try {
      const outcomes = await Promise.all(stores.map((store) => store.migrate()));
      expect(outcomes.map(({ from }) => from).toSorted((one, other) => one - other)).toEqual([0, 1, 1, 1]);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      await database.drop();
    }
  });
});
