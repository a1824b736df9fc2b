import { inspect } from "node:util";
import pc from "picocolors";
import { describeError, QueueError } from "../src/errors.ts";

export type Colors = ReturnType<typeof pc.createColors>;

/**
 * Colours for a stream: on a terminal only, and not against `NO_COLOR`. `isTTY` is undefined on a pipe, and
 * picocolors, given undefined, decides by itself: with colours wherever `CI` is set.
 */
export function colorsFor(stream: { readonly isTTY?: boolean }): Colors {
  return pc.createColors(stream.isTTY === true && !process.env["NO_COLOR"]);
}

/** One line of result. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line that is not a result: scripts read stdout, people read both. */
export function warn(sentence: string): void {
  const { yellow } = colorsFor(process.stderr);
  process.stderr.write(`${yellow("queueport:")} ${oneLine(sentence)}\n`);
}

/** An error as one line; with its stack and causes where somebody debugs. */
export function printError(error: unknown, verbose: boolean): void {
  const { red } = colorsFor(process.stderr);
  process.stderr.write(`${red("queueport:")} ${errorLine(error)}\n`);
  if (verbose) process.stderr.write(`${inspect(error)}\n`);
}

/** The sentence of an error. Ours are complete; of others, the class says something too. */
export function errorLine(error: unknown): string {
  return oneLine(error instanceof QueueError ? error.message : describeError(error));
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").trim();
}

/** A reader that has seen enough (`| head`) ends the command; it is no failure of it. */
export function exitOnClosedPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}
