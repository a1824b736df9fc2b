import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ServiceBusProcess } from "../support/service-bus.ts";
import { crash } from "./campaign.ts";
import { expectSound } from "./sound.ts";

const KILLS = 8;
const RESTARTS = 2;
const WORKERS = 3;
const CONCURRENCY = 10;

// A hundred kills: npm run test:crash -- service-bus
test(`${KILLS} kills of workers, and ${RESTARTS} of the server, lose nothing`, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
  const server = await ServiceBusProcess.start({ dataDir });
  const { connectionString } = server;
  let restarts = 0;
  const restart = async (): Promise<void> => {
    for (; restarts < RESTARTS; restarts += 1) {
      await sleep(2_000);
      await server.restart();
    }
  };
  try {
    const [verdict] = await Promise.all([
      crash({
        adapter: { name: "service-bus", options: { connectionString } },
        kills: KILLS,
        workers: WORKERS,
        jobs: 200,
        concurrency: CONCURRENCY,
      }),
      restart(),
    ]);
    expect(restarts).toBe(RESTARTS);
    expectSound(verdict, CONCURRENCY, RESTARTS * WORKERS);
  } finally {
    await server.kill();
    await rm(dataDir, { recursive: true });
  }
});
