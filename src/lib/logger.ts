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

/** Discards every line. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
