import { inspect } from "node:util";
import pc from "picocolors";
import { describeError, QueueError } from "../../src/errors.ts";
import { safeColored, safeLine, safeText } from "./terminal.ts";

export type Colors = ReturnType<typeof pc.createColors>;

/**
 * Colours for a stream: enabled on a terminal unless `NO_COLOR` is set. `isTTY` is undefined on a pipe. It is compared
 * with `true` because picocolors, given undefined, enables colours wherever `CI` is set.
 */
export function colorsFor(stream: { readonly isTTY?: boolean }): Colors {
  return pc.createColors(stream.isTTY === true && !process.env["NO_COLOR"]);
}

/** Prints a part of the result to stdout. Nothing in it acts on the terminal, except for the colours of this program. */
export function print(text: string): void {
  const { isColorSupported } = colorsFor(process.stdout);
  process.stdout.write(`${isColorSupported ? safeColored(text) : safeText(text)}\n`);
}

/** Prints one line that is not part of the result to stderr, so that scripts can read stdout alone. */
export function warn(sentence: string): void {
  const { yellow } = colorsFor(process.stderr);
  process.stderr.write(`${yellow("queueport:")} ${safeLine(sentence)}\n`);
}

/** Prints an error as one line to stderr. With `verbose`, its stack and its causes follow. */
export function printError(error: unknown, verbose: boolean = false): void {
  const { red } = colorsFor(process.stderr);
  process.stderr.write(`${red("queueport:")} ${errorLine(error)}\n`);
  if (verbose) process.stderr.write(`${safeText(inspected(error))}\n`);
}

/** A stack and its causes. An error may have an inspection of its own, or a getter, that throws. */
function inspected(error: unknown): string {
  try {
    return inspect(error, { customInspect: false });
  } catch {
    return "(its details cannot be read)";
  }
}

/** The message of an error on one line. Errors that are not a {@link QueueError} are prefixed with their class. */
export function errorLine(error: unknown): string {
  return safeLine(error instanceof QueueError ? error.message : describeError(error));
}

/** Error codes of a write to a stream whose reader has gone. */
const CLOSED: ReadonlySet<unknown> = new Set(["EPIPE", "ERR_STREAM_DESTROYED"]);

const unread = new AbortController();

/** Aborts when the reader of stdout has gone. A command that only displays can end then. */
export const stdoutClosed: AbortSignal = unread.signal;

/**
 * Keeps the command running when the reader of its output has gone, as in `queueport … | head`: jobs that run, or queues
 * that are being created, must not be cut off by that.
 */
export function outliveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (!CLOSED.has(error.code)) throw error;
      if (stream === process.stdout) unread.abort();
    });
  }
}

/** Exits once everything that was printed has been read, however slow the reader is. */
export function exitOnceRead(code?: number): void {
  const isPending = [process.stdout, process.stderr].some(
    (stream) => stream.writableLength > 0 && !stream.destroyed,
  );
  if (isPending) setTimeout(() => exitOnceRead(code), 20);
  else process.exit(code);
}
