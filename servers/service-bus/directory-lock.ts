import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Directories that servers of this process have. */
const ours = new Set<string>();

/**
 * A directory is one server's: a second one would write the files anew under the first, whose changes then go nowhere.
 * The lock of a process that has died is taken over.
 * @throws Error where a server has it that runs
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #path: string;

  constructor(directory: string) {
    this.#directory = resolve(directory);
    this.#path = join(this.#directory, "server.pid");
    if (ours.has(this.#directory)) throw taken(this.#directory, process.pid);
    for (;;) {
      try {
        linkWith(this.#path, String(process.pid));
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
      // Released meanwhile.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    // In a container, processes that come one after the other may have one number.
    if (pid !== process.pid && isAlive(pid)) throw taken(this.#directory, pid);
    rmSync(this.#path, { force: true });
  }
}

/** Whoever finds the file finds it whole. @throws EEXIST where it is there */
function linkWith(path: string, text: string): void {
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
    `The directory ${directory} is that of a server that runs, as process ${pid}. Stop it, or give another directory; where that process is none, remove server.pid there.`,
  );
}
