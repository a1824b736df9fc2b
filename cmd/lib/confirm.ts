import { QueueError } from "../../src/errors.ts";

/**
 * Checks that a question can be asked. `what` names the action.
 * @throws QueueError `config` if there is no terminal
 */
export function assertTerminal(what: string): void {
  if (process.stdin.isTTY && process.stderr.isTTY) return;
  throw new QueueError(
    "config",
    `There is no terminal to ask on: pass --yes to ${what} without confirmation.`,
  );
}

/** Asks a question. Ctrl-C, Ctrl-D and a terminal that was closed mean no. */
export async function isConfirmed(message: string, interrupted: AbortSignal): Promise<boolean> {
  if (interrupted.aborted) return false;
  const closed = new AbortController();
  process.stdin.once("end", () => closed.abort());
  const signal = AbortSignal.any([interrupted, closed.signal]);
  const { default: confirm } = await import("@inquirer/confirm");
  try {
    return await confirm({ message, default: false }, { signal, output: process.stderr });
  } catch (error) {
    if (signal.aborted || (error as Error).name === "ExitPromptError") return false;
    throw error;
  }
}
