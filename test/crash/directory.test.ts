import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { crash } from "./campaign.ts";
import { expectSound } from "./sound.ts";

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
    expectSound(verdict, CONCURRENCY);
  } finally {
    await rm(path, { recursive: true });
  }
});
