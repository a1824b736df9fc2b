import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { startServiceBusFixture } from "../support/service-bus-fixture.ts";
import { jobs, leftIn, until, work } from "../support/work.ts";

const COUNT = 10_000;
/** Longer than a server needs to restart on a busy machine, so that leased messages are settled and do not run again. */
const LOCK_MS = 15_000;

const dataDir = await mkdtemp(join(tmpdir(), "queueport-"));
afterAll(() => rm(dataDir, { recursive: true }));
const { server, freshQueue, connect } = await startServiceBusFixture({ dataDir });

test.each([
  ["of a queue", "the server is killed and restarted", false, () => server.restart()],
  ["of a queue with sessions", "the server is killed and restarted", true, () => server.restart()],
  ["of a queue", "all connections are cut", false, () => server.cutConnections()],
  ["of a queue with sessions", "all connections are cut", true, () => server.cutConnections()],
])(
  "ten thousand messages %s are all handled although %s twice",
  { timeout: 400_000 },
  async (_queue, _title, requiresSession, disturb) => {
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
      await until(`a share of ${share}`, () => working.handled.size >= COUNT * share, 120_000);
      await disturb();
    }
    await until("all messages", () => working.handled.size >= COUNT, 120_000);
    // A message whose settlement was lost is delivered again, and is counted below.
    await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 120_000);
    await working.stop();
    expect(new Set(working.handled.keys())).toEqual(sent);
    // Only messages that were leased at a fault may have run twice.
    const twice = [...working.handled.values()].filter((runs) => runs > 1).length;
    expect(twice).toBeLessThanOrEqual(2 * 150);
  },
);
