import { DriverError, type ErrorKind } from "../../src/driver/index.ts";

/** The file system's words on the left, the core's on the right. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOENT: "not_found",
  EACCES: "auth",
  EPERM: "auth",
  EROFS: "auth",
  ENOSPC: "full",
  EDQUOT: "full",
  EFBIG: "too_large",
  // Too many files are open: fewer at once will do.
  EMFILE: "throttled",
  ENFILE: "throttled",
  EBUSY: "transient",
  EAGAIN: "transient",
  // The disk, or the network before it, failed half way: it may have been done.
  EIO: "ambiguous",
  ETIMEDOUT: "ambiguous",
};

export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  return KINDS[(error as NodeJS.ErrnoException).code ?? ""] ?? "permanent";
}

/** What was attempted, and why it failed. */
export function driverError(error: unknown, attempted: string): DriverError {
  if (error instanceof DriverError) return error;
  return new DriverError(classify(error), `Could not ${attempted}: ${String(error)}`, { cause: error });
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
