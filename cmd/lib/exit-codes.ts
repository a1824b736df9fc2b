import { type ErrorCode, QueueError } from "../../src/errors.ts";

/** What the command's exit code says. A second signal exits with 128 plus its number: 130 or 143. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, drainIncomplete: 3 } as const;

/** For `--help`. */
export const exitCodesHelp: string = `Exit codes:
  0    done; for a worker: drained, every running job finished
  1    the provider, a hook of the handlers module or a message failed, Ctrl-C came before all was done, or
       doctor found something broken
  2    the arguments, the configuration or the input are wrong, a port is in use, or a module never answers
  3    the drain was incomplete: a job ignored its signal, the message says which
  130  a second SIGINT, 143 a second SIGTERM: exited at once`;

/** Wrong before anything was done. */
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
]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof QueueError)) return exitCodes.failure;
  if (error.code === "drain_incomplete") return exitCodes.drainIncomplete;
  return USAGE.has(error.code) ? exitCodes.usage : exitCodes.failure;
}
