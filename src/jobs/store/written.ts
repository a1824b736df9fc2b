import type { FinalStatus, JobRow } from "./job-row.ts";
import { isFinal } from "./job-row.ts";
import { MIN_KEPT_MS, type PrunePolicy, type StoreHint } from "./job-store.ts";

/**
 * The state as which a change counts among the ended runs of its minute; undefined if it does not count. A job that goes
 * on from `failed` to `queued` is not counted back. A run that ends like the run before it counts as well.
 */
export function countedAs(before: JobRow | undefined, row: JobRow): FinalStatus | "retrying" | undefined {
  const { status } = row;
  const isKnown =
    before?.status === status && before.generation === row.generation && before.runs === row.runs;
  if (isKnown) return undefined;
  return isFinal(status) || status === "retrying" ? status : undefined;
}

/** The hint of most changes. */
const CHANGE: readonly StoreHint[] = Object.freeze(["change"] as const);

/** The hints that a change gives to listeners. */
export function hintsOf(before: JobRow | undefined, row: JobRow): readonly StoreHint[] {
  const { dispatch, cancelRequestedAt } = row;
  if (dispatch === undefined && cancelRequestedAt === undefined) return CHANGE;
  const hints: StoreHint[] = ["change"];
  if (dispatch !== undefined && dispatch.takenUntil === 0 && dispatch !== before?.dispatch) hints.push("due");
  if (cancelRequestedAt !== undefined && before?.cancelRequestedAt === undefined) hints.push("cancel");
  return hints;
}

/** Milliseconds after its end from which a job in this state is deleted. */
export function keptMs(status: FinalStatus, { completedMs, failedMs, cancelledMs }: PrunePolicy): number {
  const ms = status === "completed" ? completedMs : status === "cancelled" ? cancelledMs : failedMs;
  return Math.max(MIN_KEPT_MS, ms);
}
