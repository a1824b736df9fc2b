import { type ErrorCode, isQueueError } from "../../errors.ts";

/** Errors of a message that no later send could accept. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "invalid_message",
  "invalid_payload",
  "invalid_headers",
  "invalid_options",
  "invalid_delay",
  "too_large",
  "not_supported",
]);

/** Sends after which a queue that does not exist is taken to be gone: about 6 minutes. A deployment may create it. */
const MISSING_SENDS = 12;

/** Whether a dispatch that failed is not tried again. `failures` counts the failed sends, this one included. */
export function isPermanent(error: unknown, failures: number): boolean {
  if (!isQueueError(error)) return false;
  return PERMANENT.has(error.code) || (error.code === "not_found" && failures >= MISSING_SENDS);
}
