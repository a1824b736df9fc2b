import { z } from "zod";
import { recordOf } from "../../../src/jobs/job-record.ts";
import { show } from "../../../src/lib/text.ts";
import { text } from "../fields.ts";
import { findJob, jobPath } from "../find-job.ts";
import { Problem } from "../problem.ts";
import { type AnyRoute, route } from "../route.ts";
import { cancelledSchema, jobSchema, problemSchema } from "../schemas.ts";

const conflict = {
  description: "The job is in another state than the change needs.",
  schema: problemSchema,
  mediaType: "application/problem+json",
};

/** The routes that change one job. */
export function changeRoutes(): AnyRoute[] {
  return [
    route({
      method: "post",
      path: "/jobs/{id}/cancel",
      role: "operator",
      operation: "cancelJob",
      tag: "Jobs",
      summary: "Cancel a job",
      description:
        "A job that has not started is cancelled at once. The handler of one that runs is asked to end, by its signal. A second request has the same answer.",
      params: jobPath,
      body: z.strictObject({ reason: text("Recorded with the job.").optional() }),
      isBodyOptional: true,
      answers: {
        202: { description: "The job is cancelled, or asked to end.", schema: cancelledSchema },
        409: conflict,
      },
      async handle({ jobs, caller, path: { id }, body: { reason } }) {
        const before = await findJob(jobs, caller, id);
        const isCancelled = before.status === "cancelled";
        const outcome = isCancelled ? "cancelled" : await jobs.cancel(id, { reason, onlyKnown: true });
        const job = await findJob(jobs, caller, id);
        if (outcome === "finished" && job.status !== "cancelled")
          throw new Problem(
            409,
            "conflict",
            `The job ${show(id)} is over: it is ${job.status}. There is nothing to cancel.`,
          );
        return {
          status: 202,
          body: { ...recordOf(job), outcome: outcome === "finished" ? "cancelled" : outcome },
        };
      },
    }),
    route({
      method: "post",
      path: "/jobs/{id}/retry",
      role: "operator",
      operation: "retryJob",
      tag: "Jobs",
      summary: "Run a job again that is over",
      description: "A completed or lost job runs again only with force.",
      params: jobPath,
      body: z.strictObject({
        force: z
          .boolean()
          .optional()
          .meta({ description: "Whether a completed or lost job runs again too." }),
      }),
      isBodyOptional: true,
      answers: { 202: { description: "The job will run again.", schema: jobSchema }, 409: conflict },
      async handle({ jobs, caller, path: { id }, body: { force } }) {
        await findJob(jobs, caller, id);
        return { status: 202, body: recordOf(await jobs.retry(id, { force })) };
      },
    }),
    route({
      method: "post",
      path: "/jobs/{id}/promote",
      role: "operator",
      operation: "promoteJob",
      tag: "Jobs",
      summary: "Run a scheduled job now",
      params: jobPath,
      body: z.strictObject({}),
      isBodyOptional: true,
      answers: { 202: { description: "The job is due now.", schema: jobSchema }, 409: conflict },
      async handle({ jobs, caller, path: { id } }) {
        await findJob(jobs, caller, id);
        return { status: 202, body: recordOf(await jobs.promote(id)) };
      },
    }),
  ];
}
