import type { StandardSchemaV1 } from "@standard-schema/spec";
import { show } from "../../lib/text.ts";
import type { Message } from "../../message/message.ts";
import { trackingOf } from "../../worker/execution.ts";
import type { JobContext, JobHandler } from "../../worker/types.ts";
import type { TrackedHandler } from "../jobs-worker.ts";
import { RunContext } from "./context.ts";
import { JobRun } from "./job-run.ts";
import { keptResult, validResult } from "./result.ts";
import type { JobTracker } from "./tracker.ts";

/** The parts of a worker that its handlers use. */
export interface HandlerHost {
  readonly tracker: JobTracker;
  readonly maxResultBytes: number;
  readonly onWarning: (code: string, message: string) => void;
}

/** Wraps a handler: it gets the context of a tracked run, and the value that it returns is kept for the end of the run. */
export function wrapHandler(
  type: string,
  schema: StandardSchemaV1 | undefined,
  handler: TrackedHandler<never>,
  { tracker, maxResultBytes, onWarning }: HandlerHost,
): JobHandler {
  let isRefusalReported = false;
  const onRefused = (why: string): void => {
    if (isRefusalReported) return;
    isRefusalReported = true;
    onWarning(
      "result_omitted",
      `The result of a ${show(type)} job is not recorded: ${why}. The job is complete all the same. Said once for this type.`,
    );
  };
  const keep = (job: JobRun | undefined, value: unknown): unknown => {
    if (job !== undefined && value !== undefined)
      Object.assign(job, keptResult(value, type, maxResultBytes, onRefused));
    return value;
  };
  const returned = (job: JobRun | undefined, value: unknown): unknown => {
    if (schema === undefined) return keep(job, value);
    const valid = validResult(schema, type, value);
    return valid instanceof Promise ? valid.then((late: unknown) => keep(job, late)) : keep(job, valid);
  };
  return (message: Message, context: JobContext): unknown => {
    const tracking = trackingOf(context);
    const job = tracking instanceof JobRun && tracking.mode !== "foreign" ? tracking : undefined;
    const value: unknown = handler(message as Message<never>, new RunContext(context, message, tracker, job));
    return value instanceof Promise
      ? value.then((late: unknown) => returned(job, late))
      : isThenable(value)
        ? Promise.resolve(value).then((late: unknown) => returned(job, late))
        : returned(job, value);
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}
