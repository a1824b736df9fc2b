import { DriverError, systemClock } from "../../../src/driver/index.ts";
import type { ConnectionOptions } from "../connection/options.ts";
import { PostgresConnection } from "../connection/postgres-connection.ts";
import { checkSchema } from "../schema/migrate.ts";
import { Facets, type Run } from "./facets.ts";
import { JobRows } from "./job-rows.ts";
import { lastSeq, rowsSince } from "./reports.ts";
import { jobsPart } from "./schema.ts";
import { Watcher } from "./watcher.ts";

/** The connections of a job store with the parts that read and write its tables. */
export class Session {
  readonly connection: PostgresConnection;
  readonly jobs: JobRows;
  readonly watcher: Watcher;

  constructor(options: Omit<ConnectionOptions, "clock">) {
    // In real time, whatever the clock of the records says.
    this.connection = new PostgresConnection({ ...options, clock: systemClock });
    this.jobs = new JobRows(this.connection.quoted, new Facets(this.connection.quoted));
    this.watcher = new Watcher(this.connection, (ns, seq, limit) =>
      rowsSince(this.run("read changes"), this.jobs, ns, seq, limit),
    );
  }

  /** The database in messages, without a secret. */
  get place(): string {
    return this.connection.place ?? "in PostgreSQL";
  }

  /** Runs statements outside of a transaction. */
  run(action: string): Run {
    return (text, values) => this.connection.query(action, text, values);
  }

  /**
   * Checks that the store can be used, and finds or creates a namespace.
   * @returns the number of the namespace, and the fingerprint to which it belongs
   */
  async open(
    namespace: string,
    fingerprint: string,
  ): Promise<{ readonly ns: number; readonly known: string }> {
    await checkSchema(this.connection, jobsPart);
    const run = this.run("open the job store");
    await this.#checkWritable(run);
    const { quoted } = this.connection;
    const find = `SELECT ns, fingerprint FROM ${quoted}.job_namespace WHERE name = $1`;
    let [row] = await run(find, [namespace]);
    if (row === undefined) {
      await run(
        `INSERT INTO ${quoted}.job_namespace (name, fingerprint) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
        [namespace, fingerprint],
      );
      [row] = await run(find, [namespace]);
    }
    const ns = Number(row?.["ns"]);
    this.watcher.opened(ns, await lastSeq(run, quoted, ns));
    return { ns, known: String(row?.["fingerprint"]) };
  }

  async close(): Promise<void> {
    await this.watcher.close();
    await this.connection.close();
  }

  /** Finds a server or a user that cannot write now, and not at the first job. */
  async #checkWritable(run: Run): Promise<void> {
    const [row] = await run(
      `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS readonly,
         has_table_privilege('${this.connection.quoted}.job', 'INSERT, UPDATE') AS writable`,
    );
    if (row?.["standby"] === true || row?.["readonly"] === "on")
      throw new DriverError(
        "permanent",
        "the server is read-only: a standby, or one with default_transaction_read_only; connect to the primary",
      );
    if (row?.["writable"] === false)
      throw new DriverError(
        "auth",
        `the user may not write the tables of the schema "${this.connection.schema}"; grant that to it`,
      );
  }
}
