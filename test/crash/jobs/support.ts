import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import { runJobCampaign } from "./job-campaign.ts";
import { jobProblemsOf } from "./job-report.ts";
import type { CrashStorePlace } from "./store.ts";

const CONCURRENCY = 10;
/** Long enough that a worker on a busy machine, which may stand still for seconds, keeps its leases. */
const LEASE_MS = 8_000;

/** Defines the test of a short campaign with recorded jobs. For more kills: `npm run test:crash -- jobs <adapter>` */
export function testJobCrashes(
  adapter: string,
  {
    on,
    kills,
    jobs,
    redis,
  }: {
    readonly on: string;
    readonly kills: number;
    readonly jobs: number;
    readonly redis?: CrashStorePlace["redis"];
  },
): void {
  test(`${kills} kills of senders, workers and operators of recorded jobs on ${on} lose no job, and no record says anything wrong`, () =>
    withBackend(adapter, async (backend) => {
      const report = await runJobCampaign({
        adapter: backend.adapter,
        kills,
        jobs,
        redis,
        concurrency: CONCURRENCY,
        leaseMs: LEASE_MS,
      });
      expect(jobProblemsOf(report, CONCURRENCY)).toEqual([]);
      expect(Object.values(report.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(
        kills,
      );
    }));
}
