import { randomUUID } from "node:crypto";
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Directories that servers in this process hold. */
const ours = new Set<string>();
/** `server.pid` is the name that earlier versions use. */
const LOCK_FILE = /^server(?:\.(\d+))?\.pid$/;
/** The content of the file of a server that has stopped. */
const FREE = "0";

/** The file of the server that has held the directory last. */
interface Holder {
  readonly generation: number;
  /** Process id; 0 if the server has stopped. */
  readonly pid: number;
}

/**
 * Reserves a directory for one server, by a file with the server's process id. A second server would rewrite the files
 * of the first one, whose later changes would be lost. The lock of a process that has died is taken over.
 *
 * Each holder creates a file with the next number, which only one process can do, and the file with the highest number
 * counts. It is never removed, not even by a server that stops: a process that has found its predecessor dead and was
 * suspended then could otherwise create the number after that predecessor's, while another server holds the directory.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #path: string;

  /** @throws Error if a running server holds the directory */
  constructor(directory: string) {
    this.#directory = resolve(directory);
    if (ours.has(this.#directory)) throw taken(this.#directory, process.pid, "server.pid");
    let path: string | undefined;
    while (path === undefined) path = this.#tryToTake();
    this.#path = path;
    ours.add(this.#directory);
  }

  release(): void {
    ours.delete(this.#directory);
    const free = `${this.#path}.${randomUUID()}`;
    try {
      write(free, FREE);
      renameSync(free, this.#path);
    } catch {
      // The process ends, or another server of it takes the directory. Both are as good as a free file.
    }
  }

  /** The path of the file that was created; `undefined` if another process was quicker. */
  #tryToTake(): string | undefined {
    const { generation, pid } = this.#latest();
    // Our own id in the file is that of an earlier process: in a container, each process may get the same id.
    if (pid !== process.pid && isAlive(pid)) throw taken(this.#directory, pid, nameOf(generation));
    const mine = generation + 1;
    const path = join(this.#directory, nameOf(mine));
    if (!createWhole(path, String(process.pid))) return undefined;
    if (this.#latest().generation > mine) {
      rmSync(path, { force: true });
      return undefined;
    }
    for (const name of readdirSync(this.#directory))
      if ((generationOf(name) ?? mine) < mine) rmSync(join(this.#directory, name), { force: true });
    return path;
  }

  #latest(): Holder {
    const generations = readdirSync(this.#directory).flatMap((name) => generationOf(name) ?? []);
    const generation = Math.max(-1, ...generations);
    if (generation < 0) return { generation, pid: 0 };
    try {
      return { generation, pid: Number(readFileSync(join(this.#directory, nameOf(generation)), "utf8")) };
    } catch (error) {
      // Another server has taken the directory in the meantime, and has removed the file of its predecessor.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return this.#latest();
      throw error;
    }
  }
}

function nameOf(generation: number): string {
  return generation === 0 ? "server.pid" : `server.${generation}.pid`;
}

function generationOf(name: string): number | undefined {
  const match = LOCK_FILE.exec(name);
  return match === null ? undefined : Number(match[1] ?? 0);
}

/** Creates a file that is never seen half written. Returns false if it exists. */
function createWhole(path: string, text: string): boolean {
  const own = `${path}.${randomUUID()}`;
  write(own, text);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Writes a new file, which nobody else may read, and never through a link that stands in its place. */
function write(path: string, text: string): void {
  writeFileSync(path, text, { flag: "wx", mode: 0o600 });
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

function taken(directory: string, pid: number, file: string): Error {
  return new Error(
    `The directory ${directory} is in use by a running server, process ${pid}. Stop that server, or choose another directory. If process ${pid} is not a server, remove ${file} from the directory.`,
  );
}
