import type { FinalStatus, JobRow } from "../../../src/jobs/store/index.ts";

/** One combination of the attributes that lists filter by. */
export interface Facet {
  readonly facet: number;
  readonly ns: number;
  readonly queue: JobRow["queue"];
  readonly type: JobRow["type"];
  readonly priority: JobRow["priority"];
  readonly status: JobRow["status"];
}

/** A key of a facet within its namespace. A queue and a type may have any character, but no job has two of a kind. */
export function facetKey({ queue, type, priority, status }: Omit<Facet, "facet" | "ns">): string {
  return `${status} ${priority} ${queue.length} ${queue} ${type}`;
}

/** The columns of a job as they are read. */
export interface JobRecord {
  readonly job: number;
  readonly id: string;
  readonly facet: number;
  readonly created_at: number;
  readonly seq: number;
  readonly finished_at: number | null;
  readonly parts: number;
  readonly row: string;
}

/** The values of a row that most jobs have. They are left out of the JSON. */
const DEFAULTS = {
  generation: 0,
  redrives: 0,
  dispatches: 0,
  isStoreBorn: false,
  runs: 0,
  lapsed: 0,
  fence: 0,
  isBuried: false,
  attempts: [],
  tags: [],
  hasMessage: false,
  hasSaved: false,
} as const satisfies Partial<JobRow>;

/** The members that are not in the JSON: they have columns of their own, or are in the facet. */
type InColumns = "id" | "type" | "queue" | "status" | "priority" | "createdAt" | "finishedAt";

/** The rest of a row as compact JSON. Written out member by member, since a loop over the members takes three times as long. */
export function encodeRest(row: JobRow): string {
  const rest: { readonly [Name in Exclude<keyof JobRow, InColumns>]: JobRow[Name] | undefined } = {
    version: row.version,
    generation: row.generation || undefined,
    redrives: row.redrives || undefined,
    dispatches: row.dispatches || undefined,
    dispatch: row.dispatch,
    isStoreBorn: row.isStoreBorn || undefined,
    stamp: row.stamp,
    hash: row.hash,
    birthToken: row.birthToken,
    updatedAt: row.updatedAt,
    scheduledAt: row.scheduledAt,
    startedAt: row.startedAt,
    nextAt: row.nextAt,
    runs: row.runs || undefined,
    maxAttempts: row.maxAttempts,
    lapsed: row.lapsed || undefined,
    hold: row.hold,
    fence: row.fence || undefined,
    ended: row.ended,
    workerId: row.workerId,
    progress: row.progress,
    progressMessage: row.progressMessage,
    cancelRequestedAt: row.cancelRequestedAt,
    cancelReason: row.cancelReason,
    error: row.error,
    deadLetterReason: row.deadLetterReason,
    isBuried: row.isBuried || undefined,
    attempts: row.attempts.length === 0 ? undefined : row.attempts,
    durationMs: row.durationMs,
    waitMs: row.waitMs,
    tenant: row.tenant,
    tags: row.tags.length === 0 ? undefined : row.tags,
    traceId: row.traceId,
    resultOmitted: row.resultOmitted,
    hasMessage: row.hasMessage || undefined,
    hasSaved: row.hasSaved || undefined,
  };
  return JSON.stringify(rest);
}

export function decodeRow({ id, created_at, finished_at, row }: JobRecord, facet: Facet): JobRow {
  const { queue, type, priority, status } = facet;
  const decoded = {
    ...DEFAULTS,
    ...(JSON.parse(row) as Omit<JobRow, "id" | "type">),
    id,
    type,
    queue,
    status,
    priority,
    createdAt: created_at,
  };
  return finished_at === null ? decoded : { ...decoded, finishedAt: finished_at };
}

/** The times of a row by which it is found. */
export interface Times {
  readonly dueAt: number | null;
  readonly heldUntil: number | null;
  readonly finishedAt: number | null;
}

export function timesOf({ dispatch, hold, finishedAt }: JobRow): Times {
  return {
    dueAt: dispatch === undefined ? null : Math.max(dispatch.dueAt, dispatch.takenUntil),
    heldUntil: hold?.until ?? null,
    finishedAt: finishedAt ?? null,
  };
}

/** Completed with data, completed without data, failed or lost, cancelled; see the schema. */
export const SHELF = { withData: 1, stripped: 2, failed: 3, cancelled: 4 } as const;

/** The shelf of a finished job, on which the retention looks for it; null for an unfinished one. */
export function shelfOf({ status }: JobRow, parts: number): number | null {
  switch (status) {
    case "completed":
      return parts === 0 ? SHELF.stripped : SHELF.withData;
    case "failed":
    case "lost":
      return SHELF.failed;
    case "cancelled":
      return SHELF.cancelled;
    default:
      return null;
  }
}

/** The states on a shelf. */
export const SHELVES: readonly { readonly shelf: number; readonly status: FinalStatus }[] = [
  { shelf: SHELF.withData, status: "completed" },
  { shelf: SHELF.stripped, status: "completed" },
  { shelf: SHELF.failed, status: "failed" },
  { shelf: SHELF.cancelled, status: "cancelled" },
];

/** The kinds of terms: the first character of each. */
export const TERM = { tenant: "t", tag: "g", worker: "w", error: "e" } as const;

/** The terms by which a job is found: its tenant, tags, worker and error. */
export function termsOf({ tenant, tags, workerId, error }: JobRow): ReadonlySet<string> {
  const terms = new Set<string>();
  if (tenant !== undefined) terms.add(TERM.tenant + tenant);
  for (const tag of tags) terms.add(TERM.tag + tag);
  if (workerId !== undefined) terms.add(TERM.worker + workerId);
  if (error?.fingerprint !== undefined) terms.add(TERM.error + error.fingerprint);
  if (error?.code !== undefined) terms.add(TERM.error + error.code);
  return terms;
}

/** Whether two rows surely have the same terms, without looking at each. */
export function haveSameTerms(one: JobRow, other: JobRow): boolean {
  return (
    one.workerId === other.workerId &&
    one.tenant === other.tenant &&
    one.error === other.error &&
    (one.tags === other.tags || (one.tags.length === 0 && other.tags.length === 0))
  );
}
