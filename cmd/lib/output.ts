import { inspect } from "node:util";
import pc from "picocolors";
import { describeError, QueueError } from "../../src/errors.ts";

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

/** What a stream says that nobody reads any more. */
const CLOSED: ReadonlySet<unknown> = new Set(["EPIPE", "ERR_STREAM_DESTROYED"]);

const unread = new AbortController();

/** Aborts when nobody reads the results any more: who does nothing but show them may end then. */
export const stdoutClosed: AbortSignal = unread.signal;

/** A reader that has seen enough (`| head`) is no failure, and no end: a job that runs, or a queue to be made, goes on. */
export function outliveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!CLOSED.has(error.code)) throw error;
      if (stream === process.stdout) unread.abort();
    });
  }
}

/** Exits once all that was printed has been taken: a reader may be slow. */
export function exitOnceRead(code?: number): void {
  const isPending = [process.stdout, process.stderr].some(
    (stream) => stream.writableLength > 0 && !stream.destroyed,
  );
  if (isPending) setTimeout(() => exitOnceRead(code), 20);
  else process.exit(code);
}
