import { realpathSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { type Clock, QueueError } from "../../../src/driver/index.ts";
import type { BirthAnswer, BirthChange } from "../../../src/jobs/store/index.ts";
import type { DatabaseFile } from "../../../src/lib/sqlite/database-file.ts";
import { JobTable } from "./job-table.ts";
import { Statements } from "./statements.ts";
import { JobWriter } from "./writer.ts";

/** A database object of the application: `DatabaseSync` of Node, or one that is like it. */
interface GivenDatabase {
  prepare(sql: string): { get(): Record<string, unknown> | undefined };
  readonly isTransaction?: unknown;
  readonly inTransaction?: unknown;
}

/**
 * Creates a job on the connection of the application, inside of its transaction. Nothing of it is remembered here, since
 * nobody knows whether it will be committed.
 *
 * @throws QueueError `invalid_options` if there is no transaction on this file
 */
export function bornIn(
  file: DatabaseFile,
  clock: Clock,
  {
    ns,
    change,
    transaction,
  }: { readonly ns: number; readonly change: BirthChange; readonly transaction: object },
): BirthAnswer {
  const database = transaction as GivenDatabase;
  checkTransaction(file, database);
  const statements = new Statements(database as unknown as DatabaseSync);
  const writer = new JobWriter(statements, new JobTable(statements), clock, () => undefined);
  writer.begun();
  const answer = writer.apply(ns, change, clock.now());
  writer.ending();
  return answer as BirthAnswer;
}

function checkTransaction(file: DatabaseFile, database: GivenDatabase): void {
  if (typeof database.prepare !== "function")
    throw refused("is no database object; give the DatabaseSync on which you have called BEGIN");
  if (database.isTransaction !== true && database.inTransaction !== true)
    throw refused("has no transaction under way; call BEGIN IMMEDIATE on it first");
  const { file: path } = database.prepare("PRAGMA database_list").get() ?? {};
  const isSame =
    typeof path === "string" && path !== "" && realpathSync(path) === realpathSync(file.path ?? "");
  if (!isSame) throw refused(`is of another database; give one of the file ${file.path}`);
}

function refused(what: string): QueueError {
  return new QueueError("invalid_options", `send: the transaction ${what}.`);
}
