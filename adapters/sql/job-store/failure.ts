import { DriverError, QueueError } from "../../../src/driver/index.ts";

/** The error of an operation. It is worth another try, unless the database refuses this program for good. */
export function failed(place: string, error: unknown, isOpening: boolean): QueueError {
  if (error instanceof QueueError) return error;
  const kind = error instanceof DriverError ? error.kind : undefined;
  const text = error instanceof Error ? error.message : String(error);
  const isForGood = kind === "auth" || kind === "not_found" || kind === "permanent";
  if (isOpening && isForGood)
    return new QueueError("config", `The job store ${place} could not be opened: ${text}.`, { cause: error });
  return new QueueError("store_unavailable", `The job store ${place} failed: ${text}.`, {
    retryable: true,
    cause: error,
  });
}
