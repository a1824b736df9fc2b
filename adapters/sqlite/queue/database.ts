/** A prepared statement, as `node:sqlite` and better-sqlite3 have it. */
export interface SqliteStatement {
  all(...values: readonly SqliteValue[]): unknown[];
  get(...values: readonly SqliteValue[]): unknown;
  run(...values: readonly SqliteValue[]): { readonly changes: number | bigint };
}

export type SqliteValue = string | number | null | Uint8Array;

/** An open database: a `DatabaseSync` of `node:sqlite`, or one of better-sqlite3. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  /** The property of `node:sqlite`. */
  readonly isTransaction?: boolean;
  /** The property of better-sqlite3. */
  readonly inTransaction?: boolean;
}

/** Whether a value is a database of one of the two kinds. */
export function isDatabase(value: object): value is SqliteDatabase {
  const { exec, prepare, isTransaction, inTransaction } = value as Partial<SqliteDatabase>;
  const isOpen = typeof isTransaction === "boolean" || typeof inTransaction === "boolean";
  return typeof exec === "function" && typeof prepare === "function" && isOpen;
}

/** A database with the statements that were prepared for it. The texts of statements have no values in them. */
export class Connection {
  readonly database: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase) {
    this.database = database;
  }

  get isTransaction(): boolean {
    return this.database.isTransaction ?? this.database.inTransaction === true;
  }

  exec(sql: string): void {
    this.database.exec(sql);
  }

  all<Row>(sql: string, ...values: readonly SqliteValue[]): Row[] {
    return this.of(sql).all(...values) as Row[];
  }

  /** Returns the number of rows that were changed. */
  run(sql: string, ...values: readonly SqliteValue[]): number {
    return Number(this.of(sql).run(...values).changes);
  }

  of(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** The path of the file of an open database; empty for one in memory. */
export function pathOf(connection: Connection): string {
  const databases = connection.all<{ readonly name: string; readonly file: string | null }>(
    "PRAGMA database_list",
  );
  return databases.find(({ name }) => name === "main")?.file ?? "";
}
