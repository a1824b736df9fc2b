import { randomUUID } from "node:crypto";
import { Client, Pool, type QueryResult } from "pg";

/** A database of a suite, on a server that others use as well. */
export interface TestDatabase {
  readonly url: string;
  /** Runs one statement in the database. */
  query(text: string, values?: unknown[]): Promise<QueryResult>;
  /** Removes the database, and ends the connections to it. */
  drop(): Promise<void>;
}

/** Creates a database with a new name. */
export async function createDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `queueport_test_${randomUUID().replaceAll("-", "")}`;
  await once(serverUrl, `CREATE DATABASE ${name} ENCODING 'UTF8' TEMPLATE template0`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new Pool({ connectionString: url.href, max: 2, allowExitOnIdle: true });
  // A test may end the connections of the database.
  pool.on("error", () => {});
  return {
    url: url.href,
    query: (text, values) => pool.query(text, values),
    async drop() {
      await pool.end();
      await once(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs one statement on a connection of its own. */
async function once(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
