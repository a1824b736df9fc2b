import { describeError } from "../errors.ts";
import type { AnyLogger, Logger } from "../lib/logger.ts";
import { onRejection } from "../lib/rejection.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Levels that pino has in addition. */
const MORE_LEVELS = ["trace", "fatal"];

type Level = (typeof LEVELS)[number];
type Write = (...line: readonly unknown[]) => unknown;

/** The methods that a value lacks to be a logger. `child` may be missing. */
export function missingMethods(logger: unknown): Level[] {
  return LEVELS.filter((level) => typeof (logger as Partial<Logger> | null)?.[level] !== "function");
}

/**
 * Wraps a user's logger so that no line of it throws. A logger throws where it cannot read what it is given: pino does
 * for a frozen error, or for an error with a getter that throws. Such a line is written again with plain fields.
 *
 * @param failed called with the error of a logger that cannot write plain fields either
 */
export function guardedLogger<L extends AnyLogger>(logger: L, failed: (error: unknown) => void): L & Logger {
  const target = typeof logger.child === "function" ? (logger as Logger) : messageFirst(logger, {});
  const methods: Record<string, PropertyDescriptor> = {
    child: { value: (bindings: object) => guardedLogger(childOf(target, bindings, failed), failed) },
  };
  for (const level of [...LEVELS, ...MORE_LEVELS]) {
    const methodsOfTarget = target as unknown as Readonly<Record<string, Write>>;
    if (typeof methodsOfTarget[level] !== "function") continue;
    // Looked up at each line, since pino replaces its methods when its level changes. Writable for the same reason.
    const write: Write = (...line) => Reflect.apply(methodsOfTarget[level] as Write, target, line);
    methods[level] = {
      value: (...line: readonly unknown[]) => log(write, line, failed),
      writable: true,
    };
  }
  // Inherits from the logger, so that a handler finds what the logger has in addition, such as its level.
  return Object.create(target, methods) as L & Logger;
}

function log(write: Write, line: readonly unknown[], failed: (error: unknown) => void): void {
  try {
    onRejection(write(...line), failed);
  } catch {
    try {
      const plain = line.map((part) => (typeof part === "object" ? plainFields(part) : part));
      onRejection(write(...plain), failed);
    } catch (error) {
      failed(error);
    }
  }
}

function childOf(logger: Logger, bindings: object, failed: (error: unknown) => void): Logger {
  for (const isPlain of [false, true]) {
    try {
      const child: unknown = logger.child(isPlain ? plainFields(bindings) : bindings);
      if (missingMethods(child).length === 0) return child as Logger;
      onRejection(child, failed);
    } catch (error) {
      if (isPlain) failed(error);
    }
  }
  return logger;
}

/** Adapts a logger without `child`, such as `console`: each line is the message, and then the bindings and its fields. */
function messageFirst(logger: AnyLogger, bindings: object): Logger {
  const methods: Record<string, PropertyDescriptor> = {
    child: { value: (more: object) => messageFirst(logger, { ...bindings, ...more }) },
  };
  for (const level of LEVELS) {
    methods[level] = {
      value: (first: unknown, message?: unknown, ...rest: readonly unknown[]) => {
        const [text, fields] =
          typeof first === "string"
            ? [[first, ...(message === undefined ? [] : [message])], bindings]
            : [message === undefined ? [] : [message], { ...bindings, ...(first as object) }];
        const shown = Object.keys(fields).length === 0 ? [] : [fields];
        return (logger[level] as Write)(...text, ...shown, ...rest);
      },
    };
  }
  return Object.create(logger, methods) as Logger;
}

/** The fields of a line as values that every logger can write. Never throws. */
function plainFields(fields: unknown): object {
  const plain: Record<string, unknown> = {};
  let names: string[];
  try {
    names = Object.keys(fields as object);
  } catch {
    return { fields: "cannot be read" };
  }
  for (const name of names) {
    try {
      plain[name] = plainValue((fields as Readonly<Record<string, unknown>>)[name]);
    } catch (error) {
      plain[name] = describeError(error);
    }
  }
  return plain;
}

function plainValue(value: unknown): unknown {
  if (value === null || ["string", "number", "boolean", "undefined"].includes(typeof value)) return value;
  const text = describeError(value);
  return value instanceof Error ? { message: text, stack: stackOf(value) } : text;
}

function stackOf(error: Error): string | undefined {
  try {
    return typeof error.stack === "string" ? error.stack : undefined;
  } catch {
    return undefined;
  }
}
