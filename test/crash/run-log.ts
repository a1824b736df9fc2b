import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { CrashPoint } from "./crash-points.ts";

/** One event of the log. */
export type RunEvent =
  | { readonly kind: "began"; readonly id: string; readonly attempt: number }
  | { readonly kind: "completed"; readonly id: string; readonly attempt: number }
  /** The process dies now. Each message in `replacing` may exist twice from here on: as original and as copy. */
  | { readonly kind: "killed"; readonly point: CrashPoint; readonly replacing: readonly string[] };

/**
 * A log file that several processes append to, with one event on each line. `write` is synchronous, so a kill after it
 * loses nothing.
 */
export class RunLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(event: RunEvent): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export async function readRunLog(path: string): Promise<RunEvent[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RunEvent);
}
