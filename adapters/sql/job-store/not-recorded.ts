import { QueueError } from "../../../src/driver/index.ts";

/** The error of a change that cannot be written, whatever the state of the store. */
export function notRecorded(id: string, cause: unknown): QueueError {
  if (cause instanceof QueueError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const hint = "Its values have to be such that JSON can represent them.";
  return new QueueError("invalid_message", `The job ${id} could not be recorded: ${text}. ${hint}`, {
    cause,
  });
}
