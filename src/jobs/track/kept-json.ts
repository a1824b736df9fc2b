import { describeError, isQueueError, QueueError } from "../../errors.ts";
import { assertJson } from "../../message/payload.ts";

/** Bytes of a checkpoint, or of the result of one step, as JSON. */
export const MAX_KEPT_BYTES = 262_144;

/**
 * Returns a value that is to be kept as JSON.
 *
 * @param path the name of the value in the error's sentence
 * @param whole the value with its owner, such as `the checkpoint of "email"`
 * @throws QueueError `invalid_options` when the value is not JSON; `too_large` when it has more than 256 KB
 */
export function keptJson(value: unknown, path: string, whole: string): string {
  const json = jsonOf(value, path, whole);
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_KEPT_BYTES) return json;
  throw new QueueError(
    "too_large",
    `In ${whole}, ${path} has ${bytes} bytes, more than the ${MAX_KEPT_BYTES} that are kept. Keep it elsewhere, and its place here.`,
  );
}

/**
 * Returns a value as JSON.
 *
 * @throws QueueError `invalid_options` when it is not JSON, or JSON would change it
 */
export function jsonOf(value: unknown, path: string, whole: string): string {
  let json: string | undefined;
  try {
    assertJson(value, path, whole);
    json = JSON.stringify(value);
  } catch (cause) {
    if (isQueueError(cause)) throw new QueueError("invalid_options", cause.message);
    throw notJson(path, whole, describeError(cause), cause);
  }
  if (json === undefined) throw notJson(path, whole, `it is ${typeof value}`);
  return json;
}

function notJson(path: string, whole: string, why: string, cause?: unknown): QueueError {
  const [problem] = why.split("\n", 1);
  return new QueueError(
    "invalid_options",
    `In ${whole}, ${path} is not JSON: ${problem}. Use a plain value.`,
    {
      cause,
    },
  );
}
