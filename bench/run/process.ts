import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, Command } from "../servers/server.ts";
import type { Figures } from "../contenders/measure.ts";

/** Time limit of a process. A longer run means that the process is stuck. */
const MAX_MS = 180_000;

function pathOf(folder: "servers" | "contenders", file: string): string {
  const name = extname(file) === "" ? `${file}.ts` : file;
  return fileURLToPath(new URL(`../${folder}/${name}`, import.meta.url));
}

function start(path: string, args: readonly string[], execArgv: readonly string[]): ChildProcess {
  return fork(path, args, { execArgv: [...execArgv], stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Kills the child when this process ends. */
function tie(child: ChildProcess): ChildProcess {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

/** Resolves with the next message of a process. Rejects if the process ends first or takes too long. */
function nextMessage<Message>(child: ChildProcess, name: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit);
      settle();
    };
    const onMessage = (message: unknown): void => end(() => resolve(message as Message));
    const fail = (how: string) => (): void => end(() => reject(new Error(`${name} ${how}.`)));
    const onExit = fail("ended before it reported its figures");
    const timer = setTimeout(fail(`did not end within ${MAX_MS} ms`), MAX_MS);
    child.on("message", onMessage).on("exit", onExit);
  });
}

/** Runs a contender in a process of its own, and returns the figures that it reports. */
export async function runContender(
  file: string,
  settings: object,
  execArgv: readonly string[] = [],
): Promise<Figures> {
  const child = tie(start(pathOf("contenders", file), [JSON.stringify(settings)], execArgv));
  const exited = once(child, "exit");
  try {
    const figures = await nextMessage<Figures>(child, file);
    await exited;
    return figures;
  } finally {
    child.kill("SIGKILL");
  }
}

/** A server in a process of its own. Disposing it closes the channel, upon which the process ends with its children. */
export interface Server extends AsyncDisposable {
  readonly address: string;
  ask(command: Command): Promise<Answer>;
}

export async function startServer(file: string): Promise<Server> {
  const child = start(pathOf("servers", file), [], []);
  const { address } = await nextMessage<Answer>(child, file);
  return {
    address,
    ask(command) {
      const answer = nextMessage<Answer>(child, file);
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
