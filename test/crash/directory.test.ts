import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crash } from "./campaign.ts";
import { crashPoints } from "./points.ts";

const KILLS = 24;
const CONCURRENCY = 10;

// A hundred kills: npm run test:crash
test(`${KILLS} kills at named points lose nothing, and duplicate no more than was in hand`, async () => {
  const path = await mkdtemp(join(tmpdir(), "queueport-"));
  try {
    const verdict = await crash({
      adapter: { name: "directory", options: { path } },
      kills: KILLS,
      jobs: 600,
      concurrency: CONCURRENCY,
    });
    expect(verdict.lost).toEqual([]);
    expect(verdict.undercounted).toEqual([]);
    expect(verdict.completed).toBeGreaterThan(0);
    expect(verdict.deadLettered).toBeGreaterThan(0);
    expect(verdict.completed + verdict.deadLettered).toBeGreaterThanOrEqual(verdict.jobs);
    expect(crashPoints.filter((point) => verdict.kills[point] === 0)).toEqual([]);
    expect(verdict.duplicates).toBeLessThanOrEqual(totalKills(verdict.kills) * CONCURRENCY);
  } finally {
    await rm(path, { recursive: true });
  }
});

function totalKills(kills: Readonly<Record<string, number>>): number {
  return Object.values(kills).reduce((sum, count) => sum + count, 0);
}
