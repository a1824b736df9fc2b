import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite, type SqliteOptions } from "../../../adapters/sqlite/index.ts";
import type { Harness } from "../../../src/conformance/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { onBusyMachine } from "./timing.ts";

/** Starts the harness of queues in an SQLite file, in a directory of its own. Each client has a connection of its own. */
export async function sqliteHarness(options: SqliteOptions = {}): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-sqlite-"));
  const path = join(directory, "queues.db");
  const open = (): ReturnType<typeof sqlite> => sqlite({ path, ...options });
  const admin = createQueue(open());
  const { version } = new DatabaseSync(":memory:").prepare("SELECT sqlite_version() AS version").get() as {
    version: string;
  };
  return {
    name: "sqlite",
    server: `SQLite ${version}`,
    atomicRequests: true,
    timing: onBusyMachine,
    open: async () => open(),
    async makeQueue(needs) {
      const queue = `queue-${randomUUID()}`;
      await admin.ensure(queue, needs);
      return queue;
    },
    dropQueue: (queue) => admin.drop(queue),
    async beginTransaction() {
      const database = new DatabaseSync(path, { timeout: 5_000 });
      database.exec("BEGIN");
      const end = async (sql: string): Promise<void> => {
        database.exec(sql);
        database.close();
      };
      return { handle: database, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
    },
    async close() {
      await admin.close();
      await rm(directory, { recursive: true });
    },
  };
}
