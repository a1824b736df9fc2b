import { z } from "zod";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobInclude } from "../../src/jobs/read/get.ts";
import { show } from "../../src/lib/text.ts";
import type { Caller } from "./caller.ts";
import { text } from "./fields.ts";
import { Problem } from "./problem.ts";

/** The path of a job. */
export const jobPath: z.ZodType<{ readonly id: string }> = z.object({ id: text("The id of the job.") });

/**
 * Reads a job that the caller may see.
 * @throws Problem `untracked` when there is none, or when it is that of another tenant
 */
export async function findJob(
  jobs: Jobs,
  { tenant }: Caller,
  id: string,
  include?: readonly JobInclude[],
): Promise<JobSnapshot> {
  const job = await jobs.get(id, include);
  if (job !== undefined && (tenant === undefined || job.tenant === tenant)) return job;
  throw new Problem(
    404,
    "untracked",
    `There is no record of a job ${show(id)}. It is unknown, was sent while the job store was down and has not started, or was deleted after its retention.`,
  );
}
