import type { DatabaseSync } from "node:sqlite";
import { resolve } from "node:path";
import { QueueError } from "../../../src/driver/index.ts";
import { DatabaseFile } from "../../../src/lib/sqlite/database-file.ts";
import { fileIdentity } from "../../../src/lib/sqlite/private-file.ts";
import { onceUnlocked } from "../../../src/lib/sqlite/unlocked.ts";
import { cannotOpen } from "./failure.ts";
import { checkSchema, migrateSchema, SCHEMA_VERSION } from "./schema.ts";

/** KiB of the file that one process keeps in its memory. */
const CACHE_KIB = 32_768;
/** Pages of changes after which they are moved into the file; 8 MB. */
const CHECKPOINT_PAGES = 2_000;
/** Milliseconds for which a migration waits for that of another process. */
const MIGRATION_PATIENCE_MS = 60_000;

/**
 * Opens the file of a job store whose schema is current.
 * @throws QueueError `config` if it cannot be used, `store_unavailable` if it is locked for too long
 */
export async function openFile(path: string): Promise<DatabaseFile> {
  // A file that is missing is not created: its path is probably wrong.
  if (path !== ":memory:" && fileIdentity(resolve(path)) === undefined) {
    throw new QueueError(
      "config",
      `The job store ${path} does not exist. Run \`queueport migrate\`, or give createJobs \`migrate: true\`.`,
    );
  }
  return connect(path, ({ database }) =>
    onceUnlocked(() => {
      checkSchema(database, path);
      prepare(database);
      // Finds a file that cannot be written now, and not at the first job.
      database.exec("BEGIN IMMEDIATE; ROLLBACK");
    }),
  );
}

/** Opens the file, and creates it and its schema where they are missing. */
export async function migrateFile(
  path: string,
): Promise<{ readonly file: DatabaseFile; readonly from: number; readonly to: number }> {
  let from = 0;
  const file = await connect(path, ({ database }) =>
    onceUnlocked(() => {
      prepare(database);
      from = migrateSchema(database, path);
    }, MIGRATION_PATIENCE_MS),
  );
  return { file, from, to: SCHEMA_VERSION };
}

async function connect(path: string, begin: (file: DatabaseFile) => Promise<void>): Promise<DatabaseFile> {
  let file: DatabaseFile | undefined;
  try {
    file = new DatabaseFile(path);
    await begin(file);
    return file;
  } catch (cause) {
    file?.close();
    throw cannotOpen(path, cause);
  }
}

function prepare(database: DatabaseSync): void {
  const { journal_mode: mode } = database.prepare("PRAGMA journal_mode").get() ?? {};
  if (mode === "delete") database.exec("PRAGMA journal_mode = WAL");
  database.exec(`
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
  `);
}
