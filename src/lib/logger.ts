/** Writes one log line: a message, or fields and a message. */
export interface Log {
  (message: string): void;
  (bindings: object, message?: string): void;
}

/** A logger: pino, or any object of its shape. */
export interface Logger {
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
  child(bindings: object): Logger;
}

/**
 * A logger that may have no `child`, such as `console`. One without `child` gets the message first, and then the fields,
 * as `console` prints them.
 */
export type AnyLogger = Omit<Logger, "child"> & Partial<Pick<Logger, "child">>;

/** Discards every line. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
