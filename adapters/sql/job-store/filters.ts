import type { StoredJobFilter } from "../../../src/jobs/store/index.ts";
import { type Facet, TERM } from "./row-codec.ts";

/** Defaults of a `PageRequest`. */
export const MAX_TOTAL = 10_000;
export const MAX_EXAMINED = 100_000;

/** Whether jobs of a facet may meet a filter. */
export function matchesFacet(
  facet: Omit<Facet, "facet" | "ns">,
  { status, type, queue, priority, isStalled }: StoredJobFilter,
): boolean {
  return (
    (status === undefined || status.includes(facet.status)) &&
    (type === undefined || type.includes(facet.type)) &&
    (queue === undefined || queue.includes(facet.queue)) &&
    (priority === undefined || priority.includes(facet.priority)) &&
    (isStalled === undefined || facet.status === "processing")
  );
}

/** Whether a filter has a condition that the facet of a job answers. */
export function hasFacetCondition({ status, type, queue, priority, isStalled }: StoredJobFilter): boolean {
  return [status, type, queue, priority, isStalled].some((condition) => condition !== undefined);
}

/** The terms that a job of a filter has. */
export function termsOfFilter({ tenant, tag, workerId, error }: StoredJobFilter): string[] {
  const terms: string[] = [];
  if (tenant !== undefined) terms.push(TERM.tenant + tenant);
  if (tag !== undefined) terms.push(TERM.tag + tag);
  if (workerId !== undefined) terms.push(TERM.worker + workerId);
  if (error !== undefined) terms.push(TERM.error + error);
  return terms;
}
