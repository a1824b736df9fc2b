import { DriverError, QueueError } from "../../../src/driver/index.ts";
import { sqlStateOf } from "../errors.ts";

/** SQLSTATE of a transaction that lost against another one, or waited too long for it: it can be repeated at once. */
const CONTENDED: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
/** Classes of SQLSTATE of a value that cannot be stored. */
const OF_VALUE = /^(?:22|23|54)/;

/** Whether a transaction failed only because of another one. */
export function isContended(error: unknown): boolean {
  return CONTENDED.has(sqlStateOf(error) ?? "");
}

/** Whether a transaction failed because of one of its values. */
export function isOfValue(error: unknown): boolean {
  return OF_VALUE.test(sqlStateOf(error) ?? "");
}

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
