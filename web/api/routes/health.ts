import type { z } from "zod";
import type { Jobs } from "../../../src/jobs/jobs.ts";
import { cached } from "../../../src/lib/cached.ts";
import { NOBODY } from "../caller.ts";
import { type HealthReport, httpStatusOf, jobsHealth, queuesHealth, workersHealth } from "../health.ts";
import type { ApiSettings } from "../options.ts";
import type { QueueReport } from "../queue-report.ts";
import { type AnyRoute, route } from "../route.ts";
import { jobsHealthSchema, queuesHealthSchema, workersHealthSchema } from "../schemas-queues.ts";

/** Age in milliseconds up to which a report is reused, since anybody may ask, and a report costs requests. */
const MAX_AGE_MS = 2_000;

/** The routes that everybody may ask. They are not for liveness probes: a store that is down must not restart a process. */
export function healthRoutes(jobs: Jobs, report: QueueReport, settings: ApiSettings): AnyRoute[] {
  return [
    healthRoute("jobs", "getJobsHealth", "the job system", jobsHealthSchema, settings, () =>
      jobsHealth(jobs),
    ),
    healthRoute("queues", "getQueuesHealth", "the queues", queuesHealthSchema, settings, () =>
      queuesHealth(report),
    ),
    healthRoute("workers", "getWorkersHealth", "the workers", workersHealthSchema, settings, () =>
      workersHealth(jobs),
    ),
  ];
}

function healthRoute(
  name: string,
  operation: string,
  subject: string,
  schema: z.ZodType,
  { clock }: ApiSettings,
  read: () => Promise<HealthReport>,
): AnyRoute {
  const current = cached(read, MAX_AGE_MS, () => clock.monotonic());
  return route({
    method: "get",
    path: `/health/${name}`,
    role: "public",
    operation,
    tag: "Health",
    summary: `Get the health of ${subject}`,
    description:
      "Also at the root of the server. Without authorization, the answer has the status only. A report is up to 2 seconds old.",
    answers: {
      200: { description: "`ok` or `degraded`.", schema },
      503: { description: "`failing`.", schema },
    },
    async handle({ caller }) {
      const one = await current();
      const { status, problems, details } = one;
      const isShown = caller !== NOBODY && caller.tenant === undefined;
      return { status: httpStatusOf(one), body: isShown ? { status, problems, ...details } : { status } };
    },
  });
}
