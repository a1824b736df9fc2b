import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process that writes jobs until it is killed, or until a write fails. */
export const PROCESS: string = new URL("writing-process.ts", import.meta.url).pathname;

/** Starts the writing process behind a command, and returns its lines until it ends. */
export async function linesOf(
  command: readonly string[],
  onLine: (line: string, kill: () => void) => void = () => undefined,
): Promise<string[]> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    onLine(line, () => child.kill("SIGKILL"));
  }
  return lines;
}

/** The error with which a process ended. */
export const errorOf = (lines: readonly string[]): unknown => {
  const line = lines.find((one) => one.startsWith("error "));
  return line === undefined ? undefined : JSON.parse(line.slice(6));
};

/** The last state of each job that a process was answered. */
export function answered(lines: readonly string[]): Map<string, string> {
  const states = new Map<string, string>();
  for (const line of lines) {
    const [status = "", id] = line.split(" ");
    if (id !== undefined && status !== "error") states.set(id, status);
  }
  return states;
}
