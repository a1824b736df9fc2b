import type { DatabaseSync } from "node:sqlite";
import { QueueError } from "../../../src/driver/index.ts";

/**
 * The steps from an empty file to the schema of this program. A step that was released is never changed; a later one only
 * adds. `since` is the version of queueport that brought the step.
 */
const MIGRATIONS: readonly { readonly since: string; readonly sql: string }[] = [
  {
    since: "0.1.0",
    // Names begin with the program's, since the file may be that of an application.
    sql: `
      CREATE TABLE queueport_namespaces (
        ns INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        fingerprint TEXT NOT NULL
      );

      -- The combinations of the attributes that lists filter by, with the number of their jobs. A job has one of them, so
      -- that one index serves every filter, and counts cost nothing.
      CREATE TABLE queueport_facets (
        facet INTEGER PRIMARY KEY,
        ns INTEGER NOT NULL,
        queue TEXT NOT NULL,
        type TEXT NOT NULL,
        priority TEXT NOT NULL,
        status TEXT NOT NULL,
        count INTEGER NOT NULL,
        UNIQUE (ns, queue, type, priority, status)
      );

      CREATE TABLE queueport_jobs (
        job INTEGER PRIMARY KEY,
        ns INTEGER NOT NULL,
        id TEXT NOT NULL,
        facet INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        -- The number of its last change, from one counter of the file.
        seq INTEGER NOT NULL,
        -- When its message is to be sent by whoever takes it.
        due_at INTEGER,
        -- When the hold of its run lapses.
        held_until INTEGER,
        finished_at INTEGER,
        -- 1: completed, with data. 2: completed, without data. 3: failed or lost. 4: cancelled.
        shelf INTEGER,
        -- The parts of its data that exist, as bits.
        parts INTEGER NOT NULL,
        -- The rest, as JSON.
        row TEXT NOT NULL,
        UNIQUE (ns, id)
      );
      CREATE INDEX queueport_jobs_by_creation ON queueport_jobs (ns, created_at, id);
      CREATE INDEX queueport_jobs_by_facet ON queueport_jobs (facet, created_at, id);
      CREATE INDEX queueport_jobs_by_change ON queueport_jobs (ns, seq);
      CREATE INDEX queueport_jobs_due ON queueport_jobs (facet, due_at, created_at, id) WHERE due_at IS NOT NULL;
      CREATE INDEX queueport_jobs_finished ON queueport_jobs (ns, shelf, finished_at) WHERE shelf IS NOT NULL;

      CREATE TABLE queueport_job_data (
        job INTEGER PRIMARY KEY,
        payload TEXT,
        -- The message without its payload.
        message TEXT,
        result TEXT,
        saved TEXT,
        steps TEXT,
        logs TEXT
      );

      -- The tenant, tags, worker and error of each job, to find it by.
      CREATE TABLE queueport_terms (
        ns INTEGER NOT NULL,
        term TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        id TEXT NOT NULL,
        job INTEGER NOT NULL,
        PRIMARY KEY (ns, term, created_at, id)
      ) WITHOUT ROWID;

      CREATE TABLE queueport_minutes (
        minute INTEGER NOT NULL,
        facet INTEGER NOT NULL,
        count INTEGER NOT NULL,
        duration_ms REAL NOT NULL,
        PRIMARY KEY (minute, facet)
      ) WITHOUT ROWID;

      CREATE TABLE queueport_workers (
        ns INTEGER NOT NULL,
        id TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        row TEXT NOT NULL,
        UNIQUE (ns, id)
      );
      INSERT INTO queueport_meta VALUES ('seq', 0);
    `,
  },
];

/** The version of the schema that this program reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** The version of the schema in a file, and the first version of queueport that knows it; 0 if there is none. */
export function schemaOf(database: DatabaseSync): { readonly version: number; readonly since: string } {
  const hasMeta = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'queueport_meta'").get();
  if (hasMeta === undefined) return { version: 0, since: "" };
  const meta = database.prepare("SELECT value FROM queueport_meta WHERE name = ?");
  return {
    version: Number(meta.get("version")?.["value"] ?? 0),
    since: String(meta.get("since")?.["value"] ?? ""),
  };
}

/** @throws QueueError `config` if the schema is missing, older or newer */
export function checkSchema(database: DatabaseSync, path: string): void {
  const { version, since } = schemaOf(database);
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) {
    throw new QueueError(
      "config",
      `The job store ${path} was made for queueport ${since} or later (schema ${version}; this program knows ${SCHEMA_VERSION}). Install that version.`,
    );
  }
  const state =
    version === 0 ? "has no schema" : `has schema ${version}, and this program needs ${SCHEMA_VERSION}`;
  throw new QueueError(
    "config",
    `The job store ${path} ${state}. Run \`queueport migrate\`, or give createJobs \`migrate: true\`.`,
  );
}

/**
 * Brings the schema to the version of this program. Waits in a transaction for other programs that do the same.
 *
 * @returns the version before
 * @throws QueueError `config` if the schema is newer
 */
export function migrateSchema(database: DatabaseSync, path: string): number {
  database.exec("BEGIN IMMEDIATE");
  try {
    const { version } = schemaOf(database);
    if (version > SCHEMA_VERSION) checkSchema(database, path);
    if (version === 0)
      database.exec("CREATE TABLE queueport_meta (name TEXT PRIMARY KEY, value ANY) WITHOUT ROWID");
    for (const { sql } of MIGRATIONS.slice(version)) database.exec(sql);
    if (version < SCHEMA_VERSION) {
      const set = database.prepare("INSERT OR REPLACE INTO queueport_meta VALUES (?, ?)");
      set.run("version", SCHEMA_VERSION);
      set.run("since", MIGRATIONS.at(-1)?.since ?? "");
    }
    database.exec("COMMIT");
    return version;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
