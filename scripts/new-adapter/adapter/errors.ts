import { DriverError, type ErrorKind } from "../../../src/driver/index.ts";

/**
 * The kinds of errors by their codes. TODO: the codes of Template, and of its client.
 * `transient` and `throttled` promise that the request had no effect. If in doubt, an error is `ambiguous`.
 */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  // There was no connection: the request had no effect. A request that was never written is `transient` as well.
  ECONNREFUSED: "transient",
  ENOTFOUND: "transient",
  EAI_AGAIN: "transient",
  EHOSTUNREACH: "transient",
  ENETUNREACH: "transient",
};

/** Classifies any error. An unknown error is `ambiguous`, since the request may have taken effect. */
export function classify(error: unknown): ErrorKind {
  if (error instanceof DriverError) return error.kind;
  return KINDS[(error as { readonly code?: string } | null | undefined)?.code ?? ""] ?? "ambiguous";
}

/** Converts an error. The message says what was attempted. */
export function driverError(error: unknown, attempted: string): DriverError {
  if (error instanceof DriverError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new DriverError(classify(error), `Could not ${attempted}: ${text}`, { cause: error });
}
