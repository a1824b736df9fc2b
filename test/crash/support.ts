import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Backend, backends } from "./backends.ts";
import { crash } from "./campaign.ts";
import { faultsOf } from "./sound.ts";

const CONCURRENCY = 10;
const WORKERS = 3;
const BETWEEN_RESTARTS_MS = 2_000;
/** Of a worker that stands still for seconds, no more is lost than of one that is killed. */
const LEASE_MS = 8_000;

/** A campaign as a test. */
interface ShortCampaign {
  /** Of workers. */
  readonly kills: number;
  readonly jobs: number;
  /** Of the server under them. @default 0 */
  readonly restarts?: number;
}

/** A short campaign as a test. A hundred kills: npm run test:crash -- <adapter> */
export function testCrashes(adapter: string, { kills, jobs, restarts = 0 }: ShortCampaign): void {
  const what = restarts === 0 ? "" : ` of workers, and ${restarts} of the server,`;
  test(`${kills} kills${what} at named points lose nothing, and duplicate no more than was in hand`, async () => {
    const backend = await backends[adapter]?.();
    if (backend === undefined) throw new Error(`There is nothing to crash on for "${adapter}".`);
    try {
      const [verdict, restarted] = await Promise.all([
        crash({
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
      expect(faultsOf(verdict, CONCURRENCY, restarts * WORKERS, delayStore)).toEqual([]);
    } finally {
      await backend.close();
    }
  });
}

async function restart(backend: Backend, times: number): Promise<number> {
  let restarted = 0;
  for (; restarted < times && backend.restart !== undefined; restarted += 1) {
    await sleep(BETWEEN_RESTARTS_MS);
    await backend.restart();
  }
  return restarted;
}
