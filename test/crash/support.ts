import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Backend, withBackend } from "./backends.ts";
import { runCampaign } from "./campaign.ts";
import { problemsOf } from "./crash-report.ts";

const CONCURRENCY = 10;
const WORKERS = 3;
const BETWEEN_RESTARTS_MS = 2_000;
/** Long enough that a worker on a busy machine, which may stand still for seconds, keeps its leases. */
const LEASE_MS = 8_000;

/** The size of a campaign that runs as a test. */
interface ShortCampaign {
  /** Name of the backend, for the name of the test. */
  readonly on: string;
  /** Number of workers that are killed. */
  readonly kills: number;
  readonly jobs: number;
  /** Number of times that the server is killed and started again. @default 0 */
  readonly restarts?: number;
}

/** Defines the test of a short campaign. For a hundred kills: `npm run test:crash -- <adapter>` */
export function testCrashes(adapter: string, { on, kills, jobs, restarts = 0 }: ShortCampaign): void {
  const more = restarts === 0 ? "" : `, and ${restarts} of its server,`;
  test(`${kills} kills of workers on ${on}${more} lose no job, and duplicate at most the jobs that were held`, () =>
    withBackend(adapter, async (backend) => {
      const [report, restarted] = await Promise.all([
        runCampaign({
          adapter: backend.adapter,
          kills,
          jobs,
          workers: WORKERS,
          concurrency: CONCURRENCY,
          leaseMs: LEASE_MS,
        }),
        restart(backend, restarts),
      ]);
      expect(restarted).toBe(restarts);
      const { delayStore } = backend.adapter;
      expect(problemsOf(report, CONCURRENCY, restarts * WORKERS, delayStore)).toEqual([]);
    }));
}

async function restart(backend: Backend, times: number): Promise<number> {
  let restarted = 0;
  for (; restarted < times && backend.restart !== undefined; restarted += 1) {
    await sleep(BETWEEN_RESTARTS_MS);
    await backend.restart();
  }
  return restarted;
}
