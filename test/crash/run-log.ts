import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { CrashPoint } from "./points.ts";

/** One line of the log. */
export type Entry =
  | { readonly kind: "began"; readonly id: string; readonly attempt: number }
  | { readonly kind: "completed"; readonly id: string; readonly attempt: number }
  /** The process dies now; of these messages there may be a copy beside the original. */
  | { readonly kind: "killed"; readonly point: CrashPoint; readonly replacing: readonly string[] };

/**
 * What happened, one line each, in a file that several processes append to. A line is there when the call returns:
 * to be killed after it loses nothing.
 */
export class RunLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export async function readRunLog(path: string): Promise<Entry[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Entry);
}
