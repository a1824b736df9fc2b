import { DriverError } from "../../../src/driver/index.ts";
import type { Connection } from "./database.ts";

/** One version of the schema: its changes, and the first version of queueport that knows it. */
interface Migration {
  readonly since: string;
  readonly sql: string;
}

/**
 * The versions of the schema. A version that was released does not change: the next one does.
 *
 * `visible_at` is one moment: the due time while a message waits, the end of its lease while it is held. So a message whose
 * lease has ended is claimed as any other, and one index has waiting, delayed and held messages in one order. A message with
 * an ordering key on an ordered queue belongs to a key queue, which exists as long as it has messages: `ready_at` is the moment of
 * its first message, or the end of the lease of those that are leased.
 */
const MIGRATIONS: readonly Migration[] = [
  {
    since: "0.1.0",
    sql: `
      CREATE TABLE queueport_queue (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        ordered INTEGER NOT NULL,
        dedup_ms INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE queueport_message (
        id INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        priority INTEGER NOT NULL DEFAULT 1,
        visible_at INTEGER NOT NULL,
        held INTEGER NOT NULL DEFAULT 0,
        deliveries INTEGER NOT NULL DEFAULT 0,
        enqueued_at INTEGER NOT NULL,
        key_queue INTEGER,
        key TEXT,
        attributes TEXT NOT NULL,
        body ANY NOT NULL
      ) STRICT;
      CREATE INDEX queueport_message_claim ON queueport_message (queue, priority, visible_at) WHERE key_queue IS NULL;
      CREATE INDEX queueport_message_key_queue ON queueport_message (key_queue, id) WHERE key_queue IS NOT NULL;

      CREATE TABLE queueport_key_queue (
        id INTEGER PRIMARY KEY,
        queue INTEGER NOT NULL,
        key TEXT NOT NULL,
        ready_at INTEGER NOT NULL,
        UNIQUE (queue, key)
      ) STRICT;
      CREATE INDEX queueport_key_queue_claim ON queueport_key_queue (queue, ready_at);

      CREATE TABLE queueport_seen (
        queue INTEGER NOT NULL,
        key TEXT NOT NULL,
        until INTEGER NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (queue, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX queueport_seen_until ON queueport_seen (until);

      -- Numbers of messages and key queues are never used again, so that a late settlement finds no other message.
      INSERT INTO queueport_queue_meta VALUES ('last_id', 0);
    `,
  },
];

/** The version of the schema that this program reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** The version of the schema in a file, and the first version of queueport that knows it; 0 if there is none. */
export function schemaOf(connection: Connection): { readonly version: number; readonly since: string } {
  const has = connection.database
    .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'queueport_queue_meta'")
    .get();
  if (has === undefined) return { version: 0, since: "" };
  const meta = connection.database.prepare("SELECT value FROM queueport_queue_meta WHERE name = ?");
  const valueOf = (name: string): string | number =>
    (meta.get(name) as { readonly value: string | number } | undefined)?.value ?? "";
  return { version: Number(valueOf("version")), since: String(valueOf("since")) };
}

/**
 * Brings the schema to the version of this program: a local file has no operator who would do it. Writes only if there is
 * something to change.
 *
 * @throws DriverError `permanent` if the schema is newer
 */
export function migrateSchema(connection: Connection, path: string): void {
  if (isCurrent(connection, path)) return;
  connection.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have done it meanwhile.
    if (!isCurrent(connection, path)) {
      const { version } = schemaOf(connection);
      if (version === 0)
        connection.exec(
          "CREATE TABLE queueport_queue_meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
        );
      for (const { sql } of MIGRATIONS.slice(version)) connection.exec(sql);
      const set = connection.database.prepare("INSERT OR REPLACE INTO queueport_queue_meta VALUES (?, ?)");
      set.run("version", SCHEMA_VERSION);
      set.run("since", MIGRATIONS.at(-1)?.since ?? "");
    }
    connection.exec("COMMIT");
  } catch (error) {
    if (connection.isTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}

function isCurrent(connection: Connection, path: string): boolean {
  const { version, since } = schemaOf(connection);
  if (version <= SCHEMA_VERSION) return version === SCHEMA_VERSION;
  throw new DriverError(
    "permanent",
    `The queues in ${path} were made for queueport ${since} or later (schema ${version}; this program knows ${SCHEMA_VERSION}). Install that version`,
  );
}
