import type { Json } from "../json.ts";
import type { DataChange } from "./effect.ts";
import { type JobData, type JobLogLine, MAX_LOG_BYTES, MAX_LOG_LINES } from "./job-row.ts";

/** The data of a job after a change. */
export function changedData(data: JobData, { message, result, saved, steps, logs }: DataChange): JobData {
  return {
    message: message ?? data.message,
    result: result === undefined ? data.result : result.value,
    saved: saved === undefined ? data.saved : saved.value,
    steps: steps === undefined ? data.steps : { ...data.steps, ...steps },
    logs: logs === undefined ? data.logs : lastLines([...(data.logs ?? []), ...logs]),
  };
}

/** The last lines that a job keeps. */
function lastLines(lines: readonly JobLogLine[]): readonly JobLogLine[] {
  let from = Math.max(0, lines.length - MAX_LOG_LINES);
  let bytes = 0;
  for (let index = lines.length - 1; index >= from; index -= 1) {
    bytes += Buffer.byteLength(JSON.stringify(lines[index]));
    if (bytes > MAX_LOG_BYTES) from = index + 1;
  }
  return lines.slice(from);
}

/** Completes the answer of a claim by the checkpoint and the steps of its job. */
export function withSaved<Answer extends object>(
  answer: Answer,
  { saved, steps }: JobData,
): Answer & {
  readonly saved?: Json | undefined;
  readonly steps?: Readonly<Record<string, Json>> | undefined;
} {
  return { ...answer, saved, steps };
}
