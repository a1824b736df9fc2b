import type { Jobs } from "../../../src/jobs/jobs.ts";
import type { ApiSettings } from "../options.ts";
import { openApiRoute } from "../openapi.ts";
import { QueueReport } from "../queue-report.ts";
import type { AnyRoute } from "../route.ts";
import { bulkRoutes } from "./bulk.ts";
import { changeRoutes } from "./change.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { healthRoutes } from "./health.ts";
import { outcomeRoutes } from "./outcome.ts";
import { queueRoutes } from "./queues.ts";
import { readRoutes } from "./read.ts";
import { sendRoutes } from "./send.ts";
import { statsRoutes } from "./stats.ts";
import { streamRoutes } from "./stream.ts";
import { typeRoutes } from "./types.ts";

/** All routes, in the order of the documentation. */
export function routesOf(jobs: Jobs, settings: ApiSettings): AnyRoute[] {
  const report = new QueueReport(jobs, settings);
  const documented = [
    ...sendRoutes(),
    ...readRoutes(),
    ...outcomeRoutes(),
    ...changeRoutes(),
    ...streamRoutes(settings),
    ...bulkRoutes(),
    ...queueRoutes(report),
    ...deadLetterRoutes(report),
    ...statsRoutes(),
    ...typeRoutes(),
    ...healthRoutes(jobs, report, settings),
  ];
  return [...documented, openApiRoute(documented)];
}
