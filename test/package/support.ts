import { execFile } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What a process had to say. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);

/** Runs the project's own Node to its end. A process that does not end by itself fails after `timeoutMs`. */
export async function runNode(
  args: readonly string[],
  {
    cwd = root,
    timeoutMs = 120_000,
    env = {},
  }: {
    readonly cwd?: string;
    readonly timeoutMs?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Ran> {
  try {
    const options = { cwd, timeout: timeoutMs, env: { ...process.env, ...env } };
    const { stdout, stderr } = await run(process.execPath, args, options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, killed, stdout = "", stderr = "" } = error as Partial<Ran> & { killed?: boolean };
    if (killed === true)
      throw new Error(`did not end within ${timeoutMs} ms: ${stdout}${stderr}`, { cause: error });
    return { code: typeof code === "number" ? code : 1, stdout, stderr };
  }
}

/** An application's folder, in which the built package and some others are installed. */
export interface Application extends Disposable {
  readonly path: string;
}

export function application(...packages: readonly string[]): Application {
  const path = mkdtempSync(join(tmpdir(), "queueport-"));
  const link = (from: string, to: string): void => {
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(from, to, "dir");
  };
  link(root, join(path, "node_modules/queueport"));
  for (const name of packages) link(join(root, "node_modules", name), join(path, "node_modules", name));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
