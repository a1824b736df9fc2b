import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { jobs, leftIn, startServiceBusBed, until, work } from "../support/service-bus-bed.ts";

const COUNT = 10_000;
/** Longer than a server takes to come back on a busy machine: what was in hand is settled then, not run again. */
const LOCK_MS = 15_000;

const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
afterAll(() => rm(dataDir, { recursive: true }));
const { server, freshQueue, connect } = await startServiceBusBed({ dataDir });

test.each([
  ["the server is killed and started", false, () => server.restart()],
  ["the server is killed and started, under sessions", true, () => server.restart()],
  ["every connection is cut", false, () => server.cutConnections()],
  ["every connection is cut, under sessions", true, () => server.cutConnections()],
])(
  "ten thousand messages are all handled while, at a third and at a half, %s",
  { timeout: 400_000 },
  async (_what, requiresSession, disturb) => {
    const name = await freshQueue({ lockDurationMs: LOCK_MS, requiresSession });
    const queue = connect();
    const messages = jobs(COUNT).map((job, index) =>
      requiresSession ? { ...job, orderingKey: `key ${index % 100}` } : job,
    );
    const sent = new Set<string>();
    for (const outcome of await queue.sendBatch(name, messages)) if (outcome.ok) sent.add(outcome.id);
    expect(sent.size).toBe(COUNT);
    const working = work(queue, name, () => sleep(1), { concurrency: 50 });
    for (const share of [1 / 3, 1 / 2]) {
      await until(`${share} of them`, () => working.handled.size >= COUNT * share, 120_000);
      await disturb();
    }
    await until("all of them", () => working.handled.size >= COUNT, 120_000);
    // One whose settlement came to nothing comes again, and is counted below.
    await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 120_000);
    await working.stop();
    expect(new Set(working.handled.keys())).toEqual(sent);
    // Only what was in hand may have run twice.
    const twice = [...working.handled.values()].filter((runs) => runs > 1).length;
    expect(twice).toBeLessThanOrEqual(2 * 150);
  },
);
