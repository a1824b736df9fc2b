import { z } from "zod";
import type { Jobs } from "../../../src/jobs/jobs.ts";
import type { JobFilter } from "../../../src/jobs/read/filter.ts";
import type { Caller } from "../caller.ts";
import { filterFields, type FilterInput, filterOf } from "../filter.ts";
import { findJob } from "../find-job.ts";
import { invalidRequest, problemOf } from "../problem.ts";
import { type AnyRoute, type Reply, route } from "../route.ts";
import { bulkSchema } from "../schemas.ts";

/** Jobs that a request may name. */
const MAX_IDS = 1_000;

/** Fields of a query, as members of a body: lists are arrays, and a flag is `true`. */
const filterBody = z.strictObject({
  ...filterFields,
  stalled: z.literal(true).optional().meta({ description: "Only jobs whose worker has stopped reporting." }),
});

const bulkBody = z.strictObject({
  action: z.enum(["cancel", "retry"]).meta({ description: "What is done with each job." }),
  ids: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(MAX_IDS)
    .optional()
    .meta({ description: "The ids of the jobs." }),
  filter: filterBody
    .optional()
    .meta({ description: "Selects the jobs. Needs one condition or more. Not together with ids." }),
  reason: z.string().max(256).optional().meta({ description: "Recorded with each cancelled job." }),
  dry_run: z.boolean().optional().meta({ description: "Counts the jobs, and changes none." }),
});

type BulkInput = z.output<typeof bulkBody>;

/** The route that changes many jobs. */
export function bulkRoutes(): AnyRoute[] {
  return [
    route({
      method: "post",
      path: "/jobs/bulk",
      role: "admin",
      operation: "changeJobs",
      tag: "Jobs",
      summary: "Cancel or retry many jobs",
      body: bulkBody,
      answers: { 200: { description: "The number of jobs that were changed.", schema: bulkSchema } },
      async handle({ jobs, caller, body }) {
        const { action, ids, filter, dry_run: dryRun = false } = body;
        if ((ids === undefined) === (filter === undefined))
          throw invalidRequest("The body needs either ids or a filter: it says which jobs are meant.");
        if (ids !== undefined) return changeEach(jobs, caller, [...new Set(ids)], body);
        const count = await changeAll(jobs, selectionOf(filter ?? {}, caller), body);
        return { status: 200, body: { action, dry_run: dryRun, count } };
      },
    }),
  ];
}

/** @throws Problem `invalid_request` when nothing is selected: a misspelt filter must not mean all jobs */
function selectionOf(filter: FilterInput, caller: Caller): JobFilter {
  if (Object.values(filter).every((condition) => condition === undefined))
    throw invalidRequest(
      'The filter needs one condition or more. To mean all jobs, name all of their states: {"status": ["scheduled", "queued", "retrying"]}.',
    );
  return filterOf(filter, caller);
}

async function changeAll(jobs: Jobs, filter: JobFilter, input: BulkInput): Promise<number> {
  const { action, reason, dry_run: dryRun = false } = input;
  if (action === "retry") return jobs.retryAll(filter, { dryRun });
  return jobs.cancelAll(filter, { dryRun, ...(reason === undefined ? {} : { reason }) });
}

/** Changes jobs one after the other, since each has an outcome of its own. */
async function changeEach(
  jobs: Jobs,
  caller: Caller,
  ids: readonly string[],
  { action, reason, dry_run: dryRun = false }: BulkInput,
): Promise<Reply> {
  const outcomes: object[] = [];
  let count = 0;
  for (const id of ids) {
    try {
      await findJob(jobs, caller, id);
      const outcome = dryRun ? "selected" : await changeOne(jobs, id, action, reason);
      if (outcome !== "finished") count += 1;
      outcomes.push({ id, outcome });
    } catch (error) {
      const problem = problemOf(error);
      // A store that is down would refuse all others too, one after the other.
      if (problem.status >= 500) throw error;
      outcomes.push({ id, outcome: "refused", problem });
    }
  }
  return { status: 200, body: { action, dry_run: dryRun, count, outcomes } };
}

async function changeOne(
  jobs: Jobs,
  id: string,
  action: BulkInput["action"],
  reason: string | undefined,
): Promise<string> {
  if (action === "cancel") return jobs.cancel(id, { reason, onlyKnown: true });
  await jobs.retry(id);
  return "retried";
}
