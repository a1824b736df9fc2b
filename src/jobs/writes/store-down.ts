import { type ErrorCode, isQueueError, QueueError } from "../../errors.ts";
import { reasonOf } from "../reason.ts";

const CODE = "store_unavailable" as string as ErrorCode;

/** The error of a request that the store has not answered. */
export function storeDown(store: string, what: string, cause?: unknown): QueueError {
  const why = cause === undefined ? "it has not answered in time" : reasonOf(cause);
  return new QueueError(
    CODE,
    `The job store "${store}" cannot be reached, and ${what}: ${why}. Try again when it is back.`,
    { retryable: true, cause },
  );
}

/** Whether the request may work later, as it is. */
export function isStoreDown(error: unknown): boolean {
  return isQueueError(error, CODE);
}
