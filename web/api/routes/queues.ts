import { z } from "zod";
import { closest } from "../../../src/lib/closest.ts";
import { show } from "../../../src/lib/text.ts";
import { text } from "../fields.ts";
import { Problem } from "../problem.ts";
import type { QueueReport } from "../queue-report.ts";
import { type AnyRoute, route } from "../route.ts";
import { queueSchema, queuesSchema } from "../schemas-queues.ts";

/** The path of a queue. */
export const queuePath: z.ZodType<{ readonly queue: string }> = z.object({
  queue: text("The logical name of the queue."),
});

/** The routes that read queues. */
export function queueRoutes(report: QueueReport): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/queues",
      role: "viewer",
      isForAllTenants: true,
      operation: "listQueues",
      tag: "Queues",
      summary: "List the queues",
      description: "Counts of messages come from the provider, and are up to 10 seconds old.",
      answers: {
        200: { description: "All queues with jobs, workers or definitions.", schema: queuesSchema },
      },
      handle: async () => ({ status: 200, body: { queues: await report.all() } }),
    }),
    route({
      method: "get",
      path: "/queues/{queue}",
      role: "viewer",
      isForAllTenants: true,
      operation: "getQueue",
      tag: "Queues",
      summary: "Get a queue",
      params: queuePath,
      answers: { 200: { description: "The queue.", schema: queueSchema } },
      async handle({ path: { queue } }) {
        await demandQueue(report, queue);
        return { status: 200, body: await report.one(queue) };
      },
    }),
  ];
}

/**
 * Refuses a queue that is not in use, so that a request cannot reach other queues of the account.
 * @throws Problem `not_found`
 */
export async function demandQueue(report: QueueReport, name: string): Promise<void> {
  const names = await report.names();
  if (names.includes(name)) return;
  const near = closest(name, names);
  const hint =
    near === undefined ? "Set queues of jobsApi, if it is one without jobs." : `Did you mean ${show(near)}?`;
  throw new Problem(404, "not_found", `No queue ${show(name)} is known here. ${hint}`);
}
