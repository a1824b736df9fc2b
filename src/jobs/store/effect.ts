import type { Json } from "../json.ts";
import type { JobAnswer, PlainAnswer } from "./change.ts";
import type { JobLogLine, JobRow, StoredJobMessage } from "./job-row.ts";

/** The changes of the data of a job. Parts that are left out stay as they are. */
export interface DataChange {
  readonly message?: StoredJobMessage | undefined;
  /** The message as JSON, in place of `message`. */
  readonly messageText?: string | undefined;
  /** Undefined as the value removes the result. */
  readonly result?: { readonly value: Json | undefined } | undefined;
  readonly saved?: { readonly value: Json } | undefined;
  /** Added to the steps that are there. */
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  /** Appended to the lines that are there. */
  readonly logs?: readonly JobLogLine[] | undefined;
}

/** The effect of one change. */
export interface Transition<Answer extends JobAnswer = JobAnswer> {
  /** The row after the change: the same object if nothing changed, and undefined if there is none. */
  readonly row: JobRow | undefined;
  readonly answer: Answer;
  readonly data?: DataChange | undefined;
  /** Set if the answer is to be completed by the checkpoint and the steps of the job. */
  readonly needsSaved?: true | undefined;
}

/** The answer of a change that has no effect. */
export function unchanged(
  row: JobRow | undefined,
  answer: Partial<PlainAnswer> = {},
): Transition<PlainAnswer> {
  return { row, answer: { do: "noted", ok: false, row, ...answer } };
}

/** The answer of a change that took effect. */
export function noted(
  row: JobRow,
  data?: DataChange,
  answer?: Partial<PlainAnswer>,
): Transition<PlainAnswer> {
  // Without a spread for most answers, which costs more than the rest.
  if (answer === undefined) return { row, answer: { do: "noted", ok: true, row }, data };
  return { row, answer: { do: "noted", ok: true, row, ...answer }, data };
}
