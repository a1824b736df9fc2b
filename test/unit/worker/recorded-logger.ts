import type { AnyLogger } from "../../../src/lib/logger.ts";

type Level = "debug" | "info" | "warn" | "error";

/** One line that a logger was given. */
export interface Line {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger of pino's shape that keeps its lines. */
export class RecordedLogger implements AnyLogger {
  readonly lines: Line[];
  readonly #bound: object;

  constructor(lines: Line[] = [], bound: object = {}) {
    this.lines = lines;
    this.#bound = bound;
  }

  debug(...line: readonly unknown[]): void {
    this.#add("debug", line);
  }

  info(...line: readonly unknown[]): void {
    this.#add("info", line);
  }

  warn(...line: readonly unknown[]): void {
    this.#add("warn", line);
  }

  error(...line: readonly unknown[]): void {
    this.#add("error", line);
  }

  child(bindings: object): RecordedLogger {
    return new RecordedLogger(this.lines, { ...this.#bound, ...bindings });
  }

  messages(...levels: readonly Level[]): string[] {
    return this.lines.filter(({ level }) => levels.includes(level)).map(({ message }) => message);
  }

  #add(level: Level, [first, second]: readonly unknown[]): void {
    const [fields, message] = typeof first === "string" ? [{}, first] : [first, second];
    this.lines.push({ level, message: message as string, fields: { ...this.#bound, ...(fields as object) } });
  }
}

/** The warnings of queueport that the process emitted while `work` ran. */
export async function processWarningsDuring(work: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const add = (warning: Error): void => {
    if (warning.name === "QueueportWarning") warnings.push(warning.message);
  };
  process.on("warning", add);
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", add);
  return warnings;
}
