import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { FakeClock } from "../../../src/testing/index.ts";

describeJobStoreConformance("sqlite", () => {
  const clock = new FakeClock();
  const directory = mkdtempSync(join(tmpdir(), "queueport-"));
  return {
    name: "sqlite",
    clock,
    open: async () => {
      const store = sqliteJobStore({ path: join(directory, "jobs.db"), clock });
      await store.migrate();
      return store;
    },
    beginTransaction: async () => {
      const handle = new DatabaseSync(join(directory, "jobs.db"));
      handle.exec("BEGIN IMMEDIATE");
      const end = async (how: "COMMIT" | "ROLLBACK"): Promise<void> => {
        handle.exec(how);
        handle.close();
      };
      return { handle, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
    },
    close: () => rmSync(directory, { recursive: true }),
  };
});
