import type { z } from "zod";
import type { JobFilter } from "../../src/jobs/read/filter.ts";
import { type JobStatus, jobStatuses, type Priority, priorities } from "../../src/jobs/store/job-row.ts";
import { type Caller, tenantOf } from "./caller.ts";
import { flag, list, listOf, text, time } from "./fields.ts";
import { invalidRequest } from "./problem.ts";

/** The selection of a request, with its times and lists read. */
export interface FilterInput {
  readonly status?: string[] | undefined;
  readonly type?: string[] | undefined;
  readonly queue?: string[] | undefined;
  readonly priority?: Priority[] | undefined;
  readonly tenant?: string | undefined;
  readonly tag?: string | undefined;
  readonly worker_id?: string | undefined;
  readonly error?: string | undefined;
  readonly created_after?: Date | undefined;
  readonly created_before?: Date | undefined;
  readonly stalled?: true | undefined;
  readonly q?: string | undefined;
}

/** The parameters that select jobs. */
export const filterFields: {
  readonly [Name in keyof Required<FilterInput>]: z.ZodType<FilterInput[Name]>;
} = {
  status: list(
    `The states of the jobs, separated by commas: ${jobStatuses.join(", ")}. Words such as pending, running and dead are understood.`,
  ).optional(),
  type: list("The job types, separated by commas.").optional(),
  queue: list("The logical queue names, separated by commas.").optional(),
  priority: listOf(priorities, "The priorities.").optional(),
  tenant: text("The tenant.").optional(),
  tag: text("A tag of the job.").optional(),
  worker_id: text("The worker of the last run.").optional(),
  error: text("The code or the fingerprint of the last error.").optional(),
  created_after: time("Created at or after this time (RFC 3339).").optional(),
  created_before: time("Created before this time (RFC 3339).").optional(),
  stalled: flag("Only jobs whose worker has stopped reporting.").optional(),
  q: text("A text that the payload contains, as JSON. The job store must be able to search.").optional(),
};

/**
 * The filter for jobs. A caller of one tenant selects among its jobs only.
 * @throws Problem `invalid_request` when the conditions contradict each other, `forbidden` for another tenant
 */
export function filterOf(input: FilterInput, caller: Caller): JobFilter {
  const { created_after: from, created_before: before } = input;
  if (from !== undefined && before !== undefined && from >= before)
    throw invalidRequest("created_after is not before created_before, so no job can match.", [
      { detail: "is not before created_before", parameter: "created_after" },
    ]);
  return {
    // Other words for a state are understood by `jobs`, which refuses all others.
    status: input.status as JobStatus[] | undefined,
    type: input.type,
    queue: input.queue,
    priority: input.priority,
    tenant: tenantOf(caller, input.tenant),
    tag: input.tag,
    workerId: input.worker_id,
    error: input.error,
    createdFrom: from,
    createdBefore: before,
    stalled: input.stalled,
    search: input.q,
  };
}
