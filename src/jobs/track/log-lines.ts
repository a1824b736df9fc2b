import type { Json } from "../json.ts";
import type { JobLogLine } from "../store/job-row.ts";
import { asText } from "../../lib/text.ts";
import { jsonOf } from "./kept-json.ts";

const MAX_MESSAGE = 4_096;
const MAX_FIELDS_BYTES = 16_384;

/** A line of a job's log. A line never fails its job: fields that cannot be kept are named, and left out. */
export function logLine(
  at: number,
  level: JobLogLine["level"],
  message: string,
  fields: unknown,
): JobLogLine {
  const text = asText(message).slice(0, MAX_MESSAGE).toWellFormed();
  return fields === undefined
    ? { at, level, message: text }
    : { at, level, message: text, fields: keptFields(fields) };
}

function keptFields(fields: unknown): Readonly<Record<string, Json>> {
  try {
    const json = jsonOf(fields, "fields", "a log line");
    if (Buffer.byteLength(json) > MAX_FIELDS_BYTES) return { omitted: "too_large" };
    const copy = JSON.parse(json) as Json;
    return typeof copy === "object" && copy !== null && !Array.isArray(copy)
      ? (copy as Readonly<Record<string, Json>>)
      : { value: copy };
  } catch {
    return { omitted: "not_json" };
  }
}
