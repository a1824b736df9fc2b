import { closeSync, constants, lstatSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { createFolder } from "../create-folder.ts";

/** Files that SQLite keeps next to the database. It gives them the permissions of the database. */
const COMPANIONS = ["", "-journal", "-wal", "-shm"];
/** Undefined on Windows, which has neither symbolic links of this kind nor these permissions. */
const NO_FOLLOW: number = (constants as Partial<typeof constants>).O_NOFOLLOW ?? 0;

/**
 * Creates a database file that only this user can read and write, if it does not exist, and its folder likewise. An
 * existing file keeps its permissions.
 *
 * @throws Error when the file, or one that SQLite keeps next to it, is a symbolic link or no regular file. The
 * author of a link would choose the file that is written
 */
export function createPrivateFile(path: string): void {
  createFolder(dirname(path), 0o700);
  for (const suffix of COMPANIONS) {
    const found = lstatSync(path + suffix, { throwIfNoEntry: false });
    if (found === undefined || found.isFile()) continue;
    throw new Error(`${path + suffix} is ${found.isSymbolicLink() ? "a symbolic link" : "no regular file"}`);
  }
  try {
    const { O_CREAT, O_EXCL, O_RDWR } = constants;
    closeSync(openSync(path, O_CREAT | O_EXCL | O_RDWR | NO_FOLLOW, 0o600));
  } catch (error) {
    // Another process may have created it at the same time.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Identifies the file that has this path now; undefined if there is none. */
export function fileIdentity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}
