import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Directories that servers in this process hold. */
const ours = new Set<string>();

/**
 * Reserves a directory for one server, by a file with the server's process id. A second server would rewrite the files
 * of the first one, whose later changes would be lost. The lock of a process that has died is taken over.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #path: string;

  /** @throws Error if a running server holds the directory */
  constructor(directory: string) {
    this.#directory = resolve(directory);
    this.#path = join(this.#directory, "server.pid");
    if (ours.has(this.#directory)) throw taken(this.#directory, process.pid);
    for (;;) {
      try {
        createWhole(this.#path, String(process.pid));
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        this.#takeOver();
      }
    }
    ours.add(this.#directory);
  }

  release(): void {
    ours.delete(this.#directory);
    rmSync(this.#path, { force: true });
  }

  #takeOver(): void {
    let pid = Number.NaN;
    try {
      pid = Number(readFileSync(this.#path, "utf8"));
    } catch (error) {
      // Another server has released the directory in the meantime.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    // Our own id in the file is that of an earlier process: in a container, each process may get the same id.
    if (pid !== process.pid && isAlive(pid)) throw taken(this.#directory, pid);
    rmSync(this.#path, { force: true });
  }
}

/**
 * Creates a file that is never seen half written.
 * @throws the system's error, `EEXIST` if the file exists
 */
function createWhole(path: string, text: string): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, text);
  try {
    linkSync(own, path);
  } finally {
    rmSync(own, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function taken(directory: string, pid: number): Error {
  return new Error(
    `The directory ${directory} is in use by a running server, process ${pid}. Stop that server, or choose another directory. If process ${pid} is not a server, remove server.pid from the directory.`,
  );
}
