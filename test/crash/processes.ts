import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

/** How a process ended: by SIGKILL, or as it should. */
export type ProcessEnd = "killed" | "stopped";

/** A process of a campaign that was started. */
export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Rejects if the process fails by itself. */
  readonly ended: Promise<ProcessEnd>;
}

/** The processes of a campaign, all of one script, each with its own configuration as its argument. */
export class Processes {
  readonly #script: URL;
  readonly #alive = new Set<ChildProcess>();

  constructor(script: URL) {
    this.#script = script;
  }

  start(config: unknown): Started {
    const child = spawn(process.execPath, [this.#script.pathname, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "pipe"],
      // Compiled modules are kept where Node keeps them by default: a campaign starts hundreds of processes.
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"), ...process.env },
    });
    this.#alive.add(child);
    return { child, pid: child.pid ?? 0, ended: this.#end(child) };
  }

  /** Asks all of them to stop. */
  stop(): void {
    for (const child of this.#alive) child.kill("SIGTERM");
  }

  /** Ends all of them at once. */
  kill(): void {
    for (const child of this.#alive) child.kill("SIGKILL");
  }

  async #end(child: ChildProcessByStdio<null, null, Readable>): Promise<ProcessEnd> {
    const errors = text(child.stderr);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    this.#alive.delete(child);
    if (signal === "SIGKILL") return "killed";
    // By a signal, if it arrived before the process had installed its handler for it.
    if (code === 0 || signal === "SIGTERM") return "stopped";
    throw new Error(`A process ended with ${code ?? signal}: ${await errors}`);
  }
}
