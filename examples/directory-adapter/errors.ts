import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** The kinds of errors by the codes of the file system. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOENT: "not_found",
  EACCES: "auth",
  EPERM: "auth",
  EROFS: "auth",
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "too_large",
  // Too many open files: fewer requests at once will succeed.
  EMFILE: "throttled",
  ENFILE: "throttled",
  EBUSY: "transient",
  EAGAIN: "transient",
  // The disk, or the network before it, failed half way: the request may have taken effect.
  EIO: "ambiguous",
  ETIMEDOUT: "ambiguous",
};

export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  return KINDS[(error as NodeJS.ErrnoException | null | undefined)?.code ?? ""] ?? "permanent";
}

/** Converts an error. The message says what was attempted. */
export function driverError(error: unknown, attempted: string): DriverError {
  if (error instanceof DriverError) return error;
  return new DriverError(classify(error), `Could not ${attempted}: ${String(error)}`, { cause: error });
}

/** Makes a call whose errors are driver errors. */
export async function attempt<T>(attempted: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw driverError(error, attempted);
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
