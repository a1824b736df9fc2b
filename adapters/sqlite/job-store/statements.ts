import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A database with the statements that were prepared for it. Statements of a fixed set of texts are kept for good. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The texts of all statements so far. */
  get texts(): readonly string[] {
    return [...this.#prepared.keys()];
  }

  /** The statement of this text. The text has no values in it, so that the number of texts is bounded. */
  of(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}
