import { DriverError } from "../../../src/driver/index.ts";
import type { Row, Value } from "../connection/executor.ts";
import type { PostgresConnection } from "../connection/postgres-connection.ts";
import { sqlStateOf } from "../errors.ts";

/** One step of a schema. Its number is its place in the list, from 1. */
export interface Migration {
  readonly name: string;
  /** The statements. @param schema the name of the schema, quoted */
  readonly sql: (schema: string) => string;
}

/** A part of the schema with versions of its own. */
export interface SchemaPart {
  readonly name: "queue" | "jobs";
  readonly migrations: readonly Migration[];
}

/** The versions before and after a migration. */
export interface MigrationResult {
  readonly from: number;
  readonly to: number;
}

/** A migration may build an index on a large table. */
const MIGRATION_MS = 600_000;
/** The first key of the lock that migrations take; the second one is the name of the schema. Chosen at random. */
const LOCK_KEY = 1_137_587_573;

type Run = <R extends Row = Row>(text: string, values?: readonly Value[]) => Promise<R[]>;

/**
 * Brings a part of the schema to the version of this program, in one transaction. Does nothing if it is current. Several
 * processes may migrate at once: they wait for each other.
 *
 * @throws DriverError `permanent` if the schema is newer than this program
 */
export function migrate(connection: PostgresConnection, part: SchemaPart): Promise<MigrationResult> {
  const { schema, quoted } = connection;
  const action = `migrate the schema "${schema}"`;
  return connection.transaction(
    action,
    async (run) => {
      // Not a lock of the session, which a pooler would leave behind.
      await run(`SELECT pg_advisory_xact_lock(${LOCK_KEY}, hashtext($1))`, [schema]);
      const exists = await run("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
      // Not IF NOT EXISTS, which needs the right to create schemas also if there is one.
      if (exists.length === 0) await run(`CREATE SCHEMA ${quoted}`);
      await run(TABLE(quoted));
      const from = await versionIn(run, quoted, part.name);
      const to = part.migrations.length;
      if (from > to) throw newer(schema, part, from);
      for (const [index, { name, sql }] of part.migrations.entries()) {
        if (index < from) continue;
        await run(sql(quoted));
        await run(`INSERT INTO ${quoted}.migration (part, version, name) VALUES ($1, $2::text::int, $3)`, [
          part.name,
          String(index + 1),
          name,
        ]);
      }
      return { from, to };
    },
    MIGRATION_MS,
  );
}

/** The statements of {@link migrate} from an empty database, for those who run them by epoch. */
export function migrationSql(quoted: string, part: SchemaPart): string {
  const steps = part.migrations.map(
    ({ name, sql }, index) => `-- ${part.name} ${index + 1}: ${name}
${sql(quoted).trim()}
INSERT INTO ${quoted}.migration (part, version, name) VALUES ('${part.name}', ${index + 1}, '${name}');`,
  );
  return `BEGIN;
CREATE SCHEMA IF NOT EXISTS ${quoted};
${TABLE(quoted)};
${steps.join("\n")}
COMMIT;`;
}

/** The part of a connection that reads the schema. */
export type SchemaReader = Pick<PostgresConnection, "schema" | "quoted"> & {
  query(action: string, text: string, values?: readonly Value[]): Promise<Row[]>;
};

/** Reads the version of a part of the schema; 0 if it was never migrated. */
export async function schemaVersion(connection: SchemaReader, part: SchemaPart): Promise<number> {
  const action = `read the version of the schema "${connection.schema}"`;
  try {
    return await versionIn(
      (text, values) => connection.query(action, text, values) as Promise<never[]>,
      connection.quoted,
      part.name,
    );
  } catch (error) {
    // The schema, or its table of migrations.
    if (["3F000", "42P01"].includes(sqlStateOf(error) ?? "")) return 0;
    throw error;
  }
}

/**
 * Checks that the schema is that of this program, and that the database can hold every text.
 * @throws DriverError `not_found` if it is missing or older, `permanent` if it is newer, or the encoding is not UTF-8
 */
export async function checkSchema(connection: SchemaReader, part: SchemaPart): Promise<void> {
  const { schema } = connection;
  // One word, since a transaction of Kysely or postgres.js may rename columns: server_encoding would be serverEncoding.
  const [row] = await connection.query(
    "read the encoding",
    "SELECT current_setting('server_encoding') AS encoding",
  );
  const found = String(row?.["encoding"]);
  if (found !== "UTF8") {
    throw new DriverError(
      "permanent",
      `the database has the encoding ${found}, which cannot hold every message; create one with ENCODING 'UTF8'`,
    );
  }
  const version = await schemaVersion(connection, part);
  const known = part.migrations.length;
  if (version > known) throw newer(schema, part, version);
  if (version === known) return;
  const state =
    version === 0 ? "does not exist in this database" : `has version ${version}; this program needs ${known}`;
  throw new DriverError(
    "not_found",
    `the schema "${schema}" for ${part.name === "queue" ? "queues" : "jobs"} ${state}: run \`queueport migrate\`, which a service does not do itself`,
  );
}

function newer(schema: string, { name, migrations }: SchemaPart, version: number): DriverError {
  return new DriverError(
    "permanent",
    `the schema "${schema}" has version ${version} of its part "${name}", which a newer queueport has made; this one knows ${migrations.length}. Update queueport`,
  );
}

async function versionIn(run: Run, quoted: string, part: string): Promise<number> {
  const [row] = await run(
    `SELECT coalesce(max(version), 0)::text AS version FROM ${quoted}.migration WHERE part = $1`,
    [part],
  );
  return Number(row?.["version"]);
}

const TABLE = (schema: string): string => `CREATE TABLE IF NOT EXISTS ${schema}.migration (
  part text NOT NULL,
  version int NOT NULL,
  name text NOT NULL,
  migrated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (part, version)
)`;
