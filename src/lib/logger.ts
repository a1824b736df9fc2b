/** Writes one line: what it says, or what belongs to it and what it says. */
export interface Log {
  (message: string): void;
  (bindings: object, message?: string): void;
}

/** What queueport logs to: pino, or anything of its shape. */
export interface Logger {
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
  child(bindings: object): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
