import { type ErrorCode, QueueError } from "../../src/errors.ts";

/** Exit codes of every command. A second signal exits with 128 plus its number: 130 for SIGINT, 143 for SIGTERM. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, drainIncomplete: 3 } as const;

/** Error codes of mistakes in the arguments, the configuration or the input. Such a command has changed nothing. */
const USAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "config",
  "missing_dependency",
  "invalid_message",
  "invalid_payload",
  "invalid_headers",
  "invalid_delay",
  "invalid_options",
  "too_large",
  "duplicate_handler",
  "no_handlers",
  "unknown_type",
]);

/** The exit code of a command that failed with `error`. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof QueueError)) return exitCodes.failure;
  if (error.code === "drain_incomplete") return exitCodes.drainIncomplete;
  return USAGE.has(error.code) ? exitCodes.usage : exitCodes.failure;
}
