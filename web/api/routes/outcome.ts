import { recordOf } from "../../../src/jobs/job-record.ts";
import type { JobSnapshot } from "../../../src/jobs/job-snapshot.ts";
import { show } from "../../../src/lib/text.ts";
import { findJob, jobPath } from "../find-job.ts";
import { Problem, type ProblemCode } from "../problem.ts";
import { type AnyRoute, type Reply, route } from "../route.ts";
import { jobSchema, logsSchema, problemSchema, resultSchema } from "../schemas.ts";

/** The routes that read the outcome of a job. */
export function outcomeRoutes(): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/jobs/{id}/result",
      role: "viewer",
      operation: "getResult",
      tag: "Jobs",
      summary: "Get the result of a job",
      params: jobPath,
      answers: {
        200: { description: "The job is completed.", schema: resultSchema },
        202: {
          description: "The job is not over yet.",
          schema: jobSchema,
          headers: { "Retry-After": "Seconds until another try." },
        },
        409: {
          description: "The job failed, was cancelled or is lost, so it has no result.",
          schema: problemSchema,
          mediaType: "application/problem+json",
        },
      },
      async handle({ jobs, caller, path }) {
        return outcomeOf(await findJob(jobs, caller, path.id, ["result"]));
      },
    }),
    route({
      method: "get",
      path: "/jobs/{id}/logs",
      role: "viewer",
      operation: "getLogs",
      tag: "Jobs",
      summary: "Get the log of a job",
      params: jobPath,
      answers: { 200: { description: "The log.", schema: logsSchema } },
      async handle({ jobs, caller, path }) {
        const { id, logs = [] } = recordOf(await findJob(jobs, caller, path.id, ["logs"]));
        return { status: 200, body: { id, logs } };
      },
    }),
  ];
}

const CODES: Readonly<Record<"failed" | "cancelled" | "lost", ProblemCode>> = {
  failed: "job_failed",
  cancelled: "job_cancelled",
  lost: "job_lost",
};

function outcomeOf(job: JobSnapshot): Reply {
  const { id, status } = job;
  if (status === "completed") {
    const { result, result_omitted: omitted } = recordOf(job);
    return {
      status: 200,
      body: {
        id,
        status,
        ...(result === undefined ? {} : { result }),
        ...(omitted === undefined ? {} : { result_omitted: omitted }),
      },
    };
  }
  if (status === "failed" || status === "cancelled" || status === "lost") throw noResult(job, status);
  return { status: 202, body: recordOf(job), headers: { "retry-after": "1" } };
}

function noResult(job: JobSnapshot, status: "failed" | "cancelled" | "lost"): Problem {
  const { id, error, dead_letter: deadLetter } = recordOf(job);
  const why = {
    failed: `failed: ${error?.message ?? job.deadLetterReason ?? "no reason is recorded"}. Correct the cause, and retry it`,
    cancelled: `was cancelled${job.cancelReason === undefined ? "" : `: ${job.cancelReason}`}. Retry it to run it all the same`,
    lost: "is lost: its message left the queue, and no end of it was recorded. Look whether its effects are there before you retry it",
  };
  return new Problem(409, CODES[status], `The job ${show(id)} has no result. It ${why[status]}.`, {
    members: {
      status_of_job: status,
      ...(error === undefined ? {} : { error }),
      ...(deadLetter === undefined ? {} : { dead_letter: deadLetter }),
    },
  });
}
