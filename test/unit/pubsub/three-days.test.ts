import { expect, test } from "vitest";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { channels, type RequestEvent } from "../../../src/diagnostics.ts";
import { HOUR, SECOND, QueueFixture } from "../support.ts";

/** The volume that Pub/Sub bills: published and delivered bytes, at least 1,000 a request. */
const USD_PER_TIB = 40;
const TIB = 2 ** 40;
const LEAST_BYTES = 1_000;

test("a delay of 72 hours costs as much as documented, and no attempts", async () => {
  const fixture = new QueueFixture({ emulate: "pubsub", queues: ["jobs"] });
  const { maxHopMs, nativeDelayMs } = pubsub({ projectId: "p", emulatorHost: "nowhere:1" }).limits;
  expect(fixture.driver.limits).toMatchObject({ maxHopMs, nativeDelayMs });
  const carried: RequestEvent[] = [];
  const count = (message: unknown): void => {
    const event = message as RequestEvent;
    const bytesMove = event.operation === "send" || event.operation === "receive";
    if (event.source === fixture.queue && bytesMove && event.messages > 0) carried.push(event);
  };
  channels.request.subscribe(count);
  const runs: { readonly at: number; readonly attempt: number }[] = [];
  const stop = new AbortController();
  const receiving = fixture.queue.receive(
    "jobs",
    async (_, { attempt }) => void runs.push({ at: fixture.clock.now(), attempt }),
    { signal: stop.signal },
  );
  const dueAt = fixture.clock.now() + 72 * HOUR;
  await fixture.queue.sendDelayed("jobs", { type: "job", payload: {} }, { hours: 72 });
  while (runs.length === 0 && fixture.clock.now() < dueAt + HOUR) {
    await fixture.clock.settle();
    await fixture.clock.advance((fixture.clock.nextTimerAt ?? dueAt) - fixture.clock.now());
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
  await fixture.clock.advance(30 * SECOND);
  await receiving;
});
