import { z } from "zod";
import type { Duration } from "../../../src/lib/duration.ts";
import { durationMs } from "../../../src/lib/duration.ts";
import { show } from "../../../src/lib/text.ts";
import type { MinuteCount } from "../../../src/jobs/store/job-store.ts";
import { type AnyRoute, route } from "../route.ts";
import { statsSchema, workersSchema } from "../schemas-queues.ts";
import { workerJson } from "../worker-json.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const EXPECTED = "expected a duration from 1m to 24h, such as 15m or 1h";

const windowField = z
  .string(EXPECTED)
  .transform((given, context) => {
    const ms = durationMs(given as Duration);
    if (!(ms >= MINUTE_MS && ms <= DAY_MS)) context.addIssue(`${EXPECTED}; got ${show(given)}`);
    return ms;
  })
  .optional()
  .meta({ description: "How far back to count, from 1m to 24h. 1h by default." });

/** The routes that read workers and counts. */
export function statsRoutes(): AnyRoute[] {
  return [
    route({
      method: "get",
      path: "/workers",
      role: "viewer",
      isForAllTenants: true,
      operation: "listWorkers",
      tag: "Workers",
      summary: "List the workers",
      answers: {
        200: { description: "Workers that were seen within the last 60 s.", schema: workersSchema },
      },
      async handle({ jobs }) {
        return { status: 200, body: { workers: (await jobs.workers()).map((one) => workerJson(one)) } };
      },
    }),
    route({
      method: "get",
      path: "/stats",
      role: "viewer",
      isForAllTenants: true,
      operation: "getStats",
      tag: "Workers",
      summary: "Count the runs that ended within a window",
      query: z.strictObject({ window: windowField }),
      answers: { 200: { description: "Counts by type, and by minute.", schema: statsSchema } },
      async handle({ jobs, query: { window = 60 * MINUTE_MS }, settings: { clock } }) {
        const since = new Date(clock.now() - window);
        const [rows, unfinished] = await Promise.all([jobs.minutes(since), jobs.counts()]);
        return {
          status: 200,
          body: {
            window_ms: window,
            since: since.toISOString(),
            ended: byType(rows),
            minutes: byMinute(rows),
            unfinished: unfinished.map(({ queue, type, status, count }) => ({ queue, type, status, count })),
          },
        };
      },
    }),
  ];
}

function byType(rows: readonly MinuteCount[]): object[] {
  const sums = new Map<string, { row: MinuteCount; count: number; ms: number }>();
  for (const row of rows) {
    const key = JSON.stringify([row.queue, row.type, row.status]);
    const sum = sums.get(key) ?? { row, count: 0, ms: 0 };
    sum.count += row.count;
    sum.ms += row.durationMs;
    sums.set(key, sum);
  }
  return [...sums.values()].map(({ row: { queue, type, status }, count, ms }) => ({
    queue,
    type,
    status,
    count,
    mean_duration_ms: count === 0 ? 0 : ms / count,
  }));
}

function byMinute(rows: readonly MinuteCount[]): object[] {
  const minutes = new Map<number, Record<MinuteCount["status"], number>>();
  for (const { minute, status, count } of rows) {
    const counts = minutes.get(minute) ?? { completed: 0, failed: 0, cancelled: 0, lost: 0, retrying: 0 };
    counts[status] += count;
    minutes.set(minute, counts);
  }
  return [...minutes]
    .toSorted(([one], [other]) => one - other)
    .map(([minute, counts]) => ({ at: new Date(minute).toISOString(), ...counts }));
}
