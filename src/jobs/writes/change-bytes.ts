import type { StoredJobMessage } from "../store/job-row.ts";
import type { JobChange, NewStoredJob } from "../store/change.ts";

/** Bytes of a change without its large parts. */
const FIXED_BYTES = 500;
/** A value is measured up to here: it goes alone in any case. */
const MOST_BYTES = 1_048_576;
/** Deeper parts are not measured: a decoder may return a value that refers to itself. */
const MOST_DEPTH = 100;

/**
 * The size of a change, roughly: its large parts as JSON. Measured without encoding them, since the store does that.
 *
 * @param seedBytes the size of the job that the seed returns. @default measured
 */
export function changeBytes(change: JobChange, seedBytes?: number): number {
  switch (change.kind) {
    case "claim":
      return FIXED_BYTES + (seedBytes ?? jobBytes(change.seed()));
    case "insert":
    case "birth":
      return FIXED_BYTES + jobBytes(change.job);
    case "touch": {
      const { saved, steps, logs } = change;
      return FIXED_BYTES + roughBytes(saved) + roughBytes(steps) + roughBytes(logs);
    }
    case "end": {
      const { result, saved, steps, logs, seed } = change;
      const parts = roughBytes(result) + roughBytes(saved) + roughBytes(steps) + roughBytes(logs);
      return FIXED_BYTES + parts + (seed === undefined ? 0 : (seedBytes ?? jobBytes(seed())));
    }
    default:
      return FIXED_BYTES;
  }
}

/** The size of the large parts of a job, roughly. */
export function jobBytes({ message }: NewStoredJob): number {
  return message === undefined ? 0 : messageBytes(message);
}

/** The size of the large parts of a message, roughly. */
export function messageBytes({ payload, headers }: Pick<StoredJobMessage, "payload" | "headers">): number {
  return roughBytes(payload) + roughBytes(headers);
}

/** The length of a value as JSON, roughly. Stops at {@link MOST_BYTES}, and at {@link MOST_DEPTH}. */
function roughBytes(value: unknown, spent: number = 0, depth: number = 0): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return value === undefined ? 0 : 8;
  let bytes = 2;
  if (depth === MOST_DEPTH) return bytes;
  for (const key in value) {
    const part = (value as Readonly<Record<string, unknown>>)[key];
    bytes += key.length + 4 + roughBytes(part, spent + bytes, depth + 1);
    if (spent + bytes > MOST_BYTES) return bytes;
  }
  return bytes;
}
