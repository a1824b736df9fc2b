import { describeError, isQueueError } from "../errors.ts";

/** The message of an error without a period at its end, to be quoted in a sentence. */
export function reasonOf(error: unknown): string {
  const text = isQueueError(error) ? error.message : describeError(error);
  return text.endsWith(".") ? text.slice(0, -1) : text;
}
