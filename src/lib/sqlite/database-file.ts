import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { show } from "../text.ts";
import { createPrivateFile, fileIdentity } from "./private-file.ts";

/**
 * Checks the path of a database before anything is opened.
 *
 * @returns a sentence about the path, as the end of "A store …"; undefined if the path can be used
 */
export function pathProblem(path: unknown): string | undefined {
  // An address of another database has a password in it, and SQLite would create a file of that name.
  if (typeof path === "string" && /^(?!file:)[a-z][\w+.-]*:\/\//i.test(path))
    return "needs the path of an SQLite file; got the address of another database.";
  // For an empty path, SQLite would create a temporary file, and remove it on close.
  if (typeof path !== "string" || path === "") return `needs the path of a file; got ${show(path)}.`;
  return undefined;
}

/** An open SQLite database that only this user can read, or one in memory if the path is `:memory:`. */
export class DatabaseFile {
  readonly database: DatabaseSync;
  /** Undefined for `:memory:`. */
  readonly #file: { readonly path: string; readonly identity: string | undefined } | undefined;

  /** @throws Error when the path, or that of a file that SQLite keeps next to it, is a link or no regular file */
  constructor(path: string) {
    const isMemory = path === ":memory:";
    // Resolved, since SQLite would read a path that begins with `file:` as a URL.
    const file = isMemory ? path : resolve(path);
    if (!isMemory) createPrivateFile(file);
    this.database = new DatabaseSync(file);
    this.#file = isMemory ? undefined : { path: file, identity: fileIdentity(file) };
  }

  /** The absolute path; undefined for `:memory:`. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /**
   * SQLite goes on with a file that was deleted or replaced. No other process would see what is written to it, and it is
   * gone when this process ends.
   *
   * @throws Error when the file is not the one that was opened
   */
  check(): void {
    if (this.#file === undefined || fileIdentity(this.#file.path) === this.#file.identity) return;
    throw new Error(
      `the file ${this.#file.path} was deleted or replaced while it was open; restart the processes that use it`,
    );
  }

  /** Idempotent. */
  close(): void {
    if (this.database.isOpen) this.database.close();
  }
}
