import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One line of the log of a command. */
type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly log: readonly LogLine[];
}

/** A command in a process of its own. */
interface StartedCommand {
  /** Resolves with the text on stdout that matches, once it is printed. Rejects if the command ends without it. */
  printed(pattern: RegExp): Promise<string>;
  /** Resolves with the log line that has this message for the `count`th time. */
  logged(message: string, count?: number): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  readonly result: Promise<Result>;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export const main: string = fileURLToPath(new URL("../../cmd/main.ts", import.meta.url));

/** The absolute path of a fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

/** Starts `queueport` with these arguments, without the environment variables that could change its behaviour. */
export function queueport(
  args: readonly string[],
  { input = "", env = {}, cwd }: RunOptions = {},
): StartedCommand {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(QUEUEPORT_|npm_|DEBUG$|NO_COLOR$)/.test(name),
  );
  const child = spawn(process.execPath, [main, ...args], {
    cwd: cwd ?? fixture("."),
    // Set as in CI, where some libraries write colours into a pipe.
    env: { ...Object.fromEntries(inherited), CI: "true", ...env },
  });
  let stdout = "";
  let stderr = "";
  let ended = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => {}).end(input);
  const result = new Promise<Result>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      ended = true;
      wake();
      resolve({ code, stdout, stderr, log: logLines(stdout) });
    });
  });
  /** Resolves with the result of `find` once it is not undefined. `find` is called after each output. */
  const found = <T>(find: () => T | undefined, what: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const value = find();
        if (value === undefined && !ended) return;
        waiting.delete(look);
        if (value === undefined)
          reject(new Error(`the command ended without ${what}:\n${stdout}\n${stderr}`));
        else resolve(value);
      };
      waiting.add(look);
      look();
    });
  return {
    result,
    kill: (signal) => child.kill(signal),
    printed: (pattern) => found(() => pattern.exec(stdout)?.[0], String(pattern)),
    logged: (message, count = 1) =>
      found(() => logLines(stdout).filter(({ msg }) => msg === message)[count - 1], message),
  };
}

function logLines(stdout: string): LogLine[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as LogLine);
}
