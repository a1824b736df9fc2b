import { shelfOf, termsOf, timesOf } from "../../sql/job-store/row-codec.ts";
import type { NamespaceKeys } from "./keys.ts";
import type { Stored } from "./stored-row.ts";

/** A change of a sorted set: the job gets this score, or is removed from it. */
export interface IndexChange {
  readonly key: string;
  /** Undefined if the job is removed. */
  readonly score: number | undefined;
}

/** The sorted sets in which a job is, each with its score. */
function scoresOf(keys: NamespaceKeys, { row, parts }: Stored): ReadonlyMap<string, number> {
  const scores = new Map<string, number>([[keys.facet(row), row.createdAt]]);
  for (const term of termsOf(row)) scores.set(keys.term(term), row.createdAt);
  const { dueAt, finishedAt } = timesOf(row);
  if (dueAt !== null) scores.set(keys.due(row.queue, row.status === "queued"), dueAt);
  const shelf = shelfOf(row, parts);
  if (shelf !== null) scores.set(keys.shelf(shelf), finishedAt ?? 0);
  return scores;
}

/** The changes of the sorted sets when a row is written, created or removed. Removals come first. */
export function indexChanges(
  keys: NamespaceKeys,
  before: Stored | undefined,
  after: Stored | undefined,
): IndexChange[] {
  const was = before === undefined ? undefined : scoresOf(keys, before);
  const is = after === undefined ? undefined : scoresOf(keys, after);
  const changes: IndexChange[] = [];
  for (const key of was?.keys() ?? []) if (is?.has(key) !== true) changes.push({ key, score: undefined });
  for (const [key, score] of is ?? []) if (was?.get(key) !== score) changes.push({ key, score });
  return changes;
}
