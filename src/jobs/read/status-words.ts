import { QueueError } from "../../errors.ts";
import { suggestion } from "../../lib/closest.ts";
import { show } from "../../lib/text.ts";
import { type JobStatus, jobStatuses } from "../store/job-row.ts";

/** The words of other job systems. */
type OtherWord =
  | "pending"
  | "available"
  | "waiting"
  | "enqueued"
  | "ready"
  | "delayed"
  | "created"
  | "running"
  | "executing"
  | "active"
  | "started"
  | "retryable"
  | "retry"
  | "finished"
  | "success"
  | "succeeded"
  | "done"
  | "dead"
  | "discarded"
  | "archived"
  | "failure"
  | "revoked"
  | "canceled"
  | "deleted";

/** Words of other job systems, and our words for them. */
const WORDS: Readonly<Record<OtherWord, readonly JobStatus[]>> = {
  pending: ["queued"],
  available: ["queued"],
  waiting: ["queued"],
  enqueued: ["queued"],
  ready: ["queued"],
  delayed: ["scheduled"],
  created: ["scheduled"],
  running: ["processing"],
  executing: ["processing"],
  active: ["processing"],
  started: ["processing"],
  retryable: ["retrying"],
  retry: ["retrying"],
  finished: ["completed"],
  success: ["completed"],
  succeeded: ["completed"],
  done: ["completed"],
  dead: ["failed"],
  discarded: ["failed"],
  archived: ["failed"],
  failure: ["failed"],
  revoked: ["cancelled"],
  canceled: ["cancelled"],
  deleted: ["cancelled"],
};

/** A state of a job, or the word of another job system for it, such as `pending`, `running`, `finished` or `dead`. */
export type StatusWord = JobStatus | OtherWord;

const KNOWN: ReadonlyMap<string, readonly JobStatus[]> = new Map<string, readonly JobStatus[]>([
  ...Object.entries(WORDS),
  ...jobStatuses.map((status): [string, readonly JobStatus[]] => [status, [status]]),
  // A search for failures shows the jobs whose end nobody has seen as well.
  ["failed", ["failed", "lost"]],
]);

/**
 * The states that a filter word means.
 * @throws QueueError `invalid_options` for an unknown word, with the one that was probably meant
 */
export function statusesOf(word: unknown): readonly JobStatus[] {
  const found = typeof word === "string" ? KNOWN.get(word.toLowerCase()) : undefined;
  if (found !== undefined) return found;
  const hint = suggestion(word, [...KNOWN.keys()], jobStatuses);
  throw new QueueError("invalid_options", `Unknown status ${show(word)}; ${hint}`);
}
