/**
 * The part of a Postgres client that queueport needs: `Pool`, `Client` and `PoolClient` of `pg` have it, and so does
 * pglite. `fromPostgresJs`, `fromKysely`, `fromKnex`, `fromDrizzle` and `fromPrisma` adapt the clients of other libraries.
 *
 * @example
 * const executor: PostgresExecutor = {
 *   query: async (text, values) => ({ rows: await client.run(text, values) }),
 * };
 */
export interface PostgresExecutor {
  /** Runs one statement with `$1`, `$2` … as its parameters. All values are text, numbers or null. */
  query(text: string, values?: any[]): Promise<{ readonly rows: any[] }>;
}

/** A row of a result. */
export type Row = Readonly<Record<string, unknown>>;

/** A parameter of a statement. Arrays are passed as text, such as `{1,2}`, so that every client encodes them alike. */
export type Value = string | number | null;
