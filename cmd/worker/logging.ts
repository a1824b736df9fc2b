import { type Logger as Pino, pino, stdTimeFunctions } from "pino";
import type { LogLevel } from "../../adapters/config-file.ts";
import { colorsFor } from "../lib/output.ts";
import { safeText, safeWhenParsed } from "../lib/terminal.ts";

/** The log settings of a worker process. */
export interface LoggingOptions {
  /** @default "info" */
  readonly level?: LogLevel | undefined;
  /** Logs lines for people rather than for a collector. @default true on a terminal */
  readonly pretty?: boolean | undefined;
}

/**
 * A logger to stdout, with one JSON object per line. It is synchronous so that the last line before an exit is kept.
 * Text of messages in it does not act on a terminal.
 */
export async function createLogger({
  level = "info",
  pretty = process.stdout.isTTY,
}: LoggingOptions): Promise<Pino> {
  if (!pretty) {
    const options = { level, timestamp: stdTimeFunctions.isoTime, base: { pid: process.pid } };
    const stdout = pino.destination({ dest: 1, sync: true });
    return pino(options, { write: (line) => void stdout.write(safeText(line)) });
  }
  const { PinoPretty } = await import("pino-pretty");
  const stream = PinoPretty({
    sync: true,
    colorize: colorsFor(process.stdout).isColorSupported,
    ignore: "pid,hostname",
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return pino({ level }, { write: (line) => void stream.write(safeWhenParsed(line)) });
}
