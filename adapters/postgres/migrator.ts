import type { ConnectionOptions } from "./connection/options.ts";
import { PostgresConnection } from "./connection/postgres-connection.ts";
import { jobsPart } from "./job-store/schema.ts";
import { migrate as migratePart, migrationSql, type MigrationResult } from "./schema/migrate.ts";
import { queueSchema } from "./schema/queue-schema.ts";

/**
 * Creates the tables of queues, or brings them to the version of this program.
 * @throws DriverError if the database cannot be reached, or its schema is newer
 */
export async function migrate(options: ConnectionOptions): Promise<MigrationResult> {
  const connection = new PostgresConnection(options);
  try {
    return await migratePart(connection, queueSchema);
  } finally {
    await connection.close();
  }
}

/** The statements that create the tables of queues in an empty database. */
export function migrationText(options: ConnectionOptions): string {
  return migrationSql(new PostgresConnection(options).quoted, queueSchema);
}

/** The statements that create the tables of a job store in an empty database. */
export function jobsMigrationText(options: ConnectionOptions): string {
  return migrationSql(new PostgresConnection(options).quoted, jobsPart);
}
