import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    close: () => rmSync(directory, { recursive: true }),
  };
});
