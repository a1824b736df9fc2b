import { expect, test } from "vitest";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { channels, type RequestEvent } from "../../../src/diagnostics.ts";
import { HOUR, SECOND, QueueFixture } from "../support.ts";

/** The volume that Pub/Sub bills: published and delivered bytes, at least 1,000 a request. */
const USD_PER_TIB = 40;
const TIB = 2 ** 40;
const LEAST_BYTES = 1_000;

test("a delay of 72 hours costs as much as documented, and no attempts", async () => {
  const stage = new Stage({ emulate: "pubsub", queues: ["jobs"] });
  const { maxHopMs, nativeDelayMs } = pubsub({ projectId: "p", emulatorHost: "nowhere:1" }).limits;
  expect(stage.driver.limits).toMatchObject({ maxHopMs, nativeDelayMs });
  const carried: RequestEvent[] = [];
  const count = (message: unknown): void => {
    const event = message as RequestEvent;
    const bytesMove = event.operation === "send" || event.operation === "receive";
    if (event.source === stage.queue && bytesMove && event.messages > 0) carried.push(event);
  };
  channels.request.subscribe(count);
  const runs: { readonly at: number; readonly attempt: number }[] = [];
  const stop = new AbortController();
  const receiving = stage.queue.receive(
    "jobs",
    async (_, { attempt }) => void runs.push({ at: stage.clock.now(), attempt }),
    { signal: stop.signal },
  );
  const dueAt = stage.clock.now() + 72 * HOUR;
  await stage.queue.sendDelayed("jobs", { type: "job", payload: {} }, { hours: 72 });
  while (runs.length === 0 && stage.clock.now() < dueAt + HOUR) {
    await stage.clock.settle();
    await stage.clock.advance((stage.clock.nextTimerAt ?? dueAt) - stage.clock.now());
  }
  expect(runs).toHaveLength(1);
  expect(runs[0]?.attempt).toBe(1);
  expect(runs[0]?.at).toBeGreaterThanOrEqual(dueAt);
  expect(runs[0]?.at).toBeLessThan(dueAt + 2 * SECOND);
  channels.request.unsubscribe(count);
  const perMillion = ((carried.length * LEAST_BYTES * 1e6) / TIB) * USD_PER_TIB;
  expect(carried.length).toBeGreaterThan(432);
  expect(perMillion).toBeLessThan(17);
  stop.abort();
  await stage.clock.advance(30 * SECOND);
  await receiving;
});
