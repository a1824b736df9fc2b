import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, Command } from "../servers/server.ts";
import type { Figures } from "../sides/side.ts";

/** No side takes longer; one that does is stuck. */
const MOST_MS = 180_000;

function pathOf(folder: "servers" | "sides", file: string): string {
  const name = extname(file) === "" ? `${file}.ts` : file;
  return fileURLToPath(new URL(`../${folder}/${name}`, import.meta.url));
}

function start(path: string, args: readonly string[], execArgv: readonly string[]): ChildProcess {
  return fork(path, args, { execArgv: [...execArgv], stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Stops a process when this one ends. */
function tie(child: ChildProcess): ChildProcess {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

/** The next message of a process. Rejects where it ends before. */
function told<Message>(child: ChildProcess, what: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit);
      settle();
    };
    const onMessage = (message: unknown): void => end(() => resolve(message as Message));
    const fail = (how: string) => (): void => end(() => reject(new Error(`${what} ${how}.`)));
    const onExit = fail("ended before it told its figures");
    const timer = setTimeout(fail(`has not ended within ${MOST_MS} ms`), MOST_MS);
    child.on("message", onMessage).on("exit", onExit);
  });
}

/** Runs a side to its end, in a process of its own. */
export async function runSide(
  file: string,
  settings: object,
  execArgv: readonly string[] = [],
): Promise<Figures> {
  const child = tie(start(pathOf("sides", file), [JSON.stringify(settings)], execArgv));
  const exited = once(child, "exit");
  try {
    const figures = await told<Figures>(child, file);
    await exited;
    return figures;
  } finally {
    child.kill("SIGKILL");
  }
}

/** A server in a process of its own. It ends when the channel to this one does, and has ended by then what it started. */
export interface Server extends AsyncDisposable {
  readonly address: string;
  ask(command: Command): Promise<Answer>;
}

export async function startServer(file: string): Promise<Server> {
  const child = start(pathOf("servers", file), [], []);
  const { address } = await told<Answer>(child, file);
  return {
    address,
    ask(command) {
      const answer = told<Answer>(child, file);
      child.send(command);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}
