import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RetryAfterError } from "../../src/errors.ts";
import { PubsubFixture } from "../support/pubsub-fixture.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the faults of the pubsub adapter. ${missing}`);

const PUBLISH = "Publisher/Publish";
const PULL = "Subscriber/Pull";
const ACK = "Subscriber/Acknowledge";
const MODIFY = "Subscriber/ModifyAckDeadline";
const BACKLOG = 10_000;
const WAIT = { timeout: 90_000, interval: 20 };
/** A lease that is much longer than the delays, so that an early redelivery cannot be the end of the lease. */
const LONG_MS = 60_000;
const job = { type: "job", payload: {} };

describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let fixture: PubsubFixture;
  beforeAll(async () => {
    fixture = await PubsubFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Returns a function that counts the calls of one method from now on. */
  function counting(path: string): () => number {
    const before = fixture.proxy.count(path);
    return () => fixture.proxy.count(path) - before;
  }

  async function fill(name: string, count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, index) => ({ ...job, payload: { index } }));
    const outcomes = await fixture.queue.sendBatch(name, messages);
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  test.each(["reset", "cut"] as const)(
    "a publish whose answer is lost (%s) is repeated once, and no message is lost",
    async (by) => {
      const name = await fixture.makeQueue();
      await fixture.queue.send(name, job);
      const publishes = counting(PUBLISH);
      fixture.proxy.on({ path: PUBLISH }, { kind: "drop_response", by });
      const { id } = await fixture.queue.send(name, job);
      expect(publishes()).toBe(2);
      const seen: string[] = [];
      const stop = fixture.receive(name, async (message) => void seen.push(message.id));
      await vi.waitFor(() => expect(seen).toContain(id), WAIT);
      await stop();
      // The message may be stored twice, because the client cannot know whether the first call took effect.
      expect(seen.filter((one) => one === id).length).toBeLessThanOrEqual(2);
    },
  );

  test.each(["reset", "cut"] as const)(
    "a message is redelivered after its lease when the answer of its pull is lost (%s)",
    async (by) => {
      const name = await fixture.makeQueue();
      await fixture.queue.send(name, job);
      fixture.proxy.on({ path: PULL, nth: 1 }, { kind: "drop_response", by });
      const attempts: number[] = [];
      const stop = fixture.receive(name, async (_, { attempt }) => void attempts.push(attempt));
      await vi.waitFor(() => expect(attempts).toHaveLength(1), WAIT);
      await stop();
      expect(attempts[0]).toBeLessThanOrEqual(2);
    },
  );

  test.each(["reset", "cut"] as const)(
    "an acknowledgement whose answer is lost (%s) is repeated, and the job runs once",
    async (by) => {
      const name = await fixture.makeQueue();
      let runs = 0;
      const acks = counting(ACK);
      const rule = fixture.proxy.on({ path: ACK }, { kind: "drop_response", by });
      const stop = fixture.receive(name, async () => {
        runs += 1;
      });
      await fixture.queue.send(name, job);
      await rule.applied;
      await vi.waitFor(() => expect(acks()).toBe(2), WAIT);
      // Longer than the lease.
      await sleep(13_000);
      await stop();
      expect(runs).toBe(1);
      expect(acks()).toBe(2);
    },
  );

  /** Fails a job `failures` times, with a retry after `delayMs`. Returns the times between its runs. */
  async function gaps(name: string, failures: number, delayMs: number): Promise<number[]> {
    const runs: number[] = [];
    const stop = fixture.receive(
      name,
      async () => {
        runs.push(Date.now());
        if (runs.length <= failures) throw new RetryAfterError(delayMs);
      },
      { leaseMs: LONG_MS },
    );
    await fixture.queue.send(name, { ...job, maxAttempts: failures + 3 });
    await vi.waitFor(() => expect(runs.length).toBeGreaterThan(failures), WAIT);
    // Long enough to see a run too many.
    await sleep(2 * delayMs);
    await stop();
    expect(runs).toHaveLength(failures + 1);
    return runs.slice(1).map((at, index) => at - (runs[index] as number));
  }

  test("a release whose answer is lost takes effect after the requested delay", async () => {
    const name = await fixture.makeQueue("none", LONG_MS);
    fixture.proxy.on({ path: MODIFY }, { kind: "drop_response", by: "reset" });
    const [gapMs] = await gaps(name, 1, 2_000);
    expect(gapMs).toBeGreaterThan(1_900);
    expect(gapMs).toBeLessThan(20_000);
  });

  test("a message with a backoff of three seconds is redelivered once after each backoff, without a hot loop", async () => {
    const name = await fixture.makeQueue("none", LONG_MS);
    const [pulls, changes, since] = [counting(PULL), counting(MODIFY), Date.now()];
    const failures = 4;
    const waited = await gaps(name, failures, 3_000);
    expect(Math.min(...waited)).toBeGreaterThan(2_900);
    // Only the shortest of four, because a busy machine may delay the others.
    expect(Math.min(...waited)).toBeLessThan(4_000);
    expect(changes()).toBe(failures);
    // Two queues are polled, for two seconds at a time.
    expect(pulls()).toBeLessThan((2 * (Date.now() - since)) / 1_000);
  });

  test("a receiver that stops during a handler ends after the acknowledgement is confirmed", async () => {
    const name = await fixture.makeQueue();
    const started = Promise.withResolvers<void>();
    const acks = counting(ACK);
    const stop = fixture.receive(name, async () => {
      started.resolve();
      await sleep(4_000);
    });
    await fixture.queue.send(name, job);
    await started.promise;
    await stop();
    expect(acks()).toBe(1);
    let again = 0;
    const stopAgain = fixture.receive(name, async () => {
      again += 1;
    });
    await sleep(12_000);
    await stopAgain();
    expect(again).toBe(0);
  });

  test("a connection that no longer answers is replaced", async () => {
    const name = await fixture.makeQueue();
    await fixture.queue.send(name, job);
    const publishes = fixture.proxy.on({ path: PUBLISH }, { kind: "black_hole" });
    const since = Date.now();
    await fixture.queue.send(name, job);
    expect(publishes.hits).toBe(1);
    // Without a check, the client would use the connection for as long as it is open.
    expect(Date.now() - since).toBeLessThan(28_000);
  });

  test(`a backlog of ${BACKLOG} costs at most 0.05 requests a message, when fifty handlers run at once`, async () => {
    const name = await fixture.makeQueue("none", 60_000);
    const [publishes, acks, pulls] = [counting(PUBLISH), counting(ACK), counting(PULL)];
    const ids = await fill(name, BACKLOG);
    const seen = new Set<string>();
    const since = Date.now();
    const stop = fixture.receive(name, async ({ id }) => void seen.add(id), {
      concurrency: 50,
      leaseMs: 60_000,
    });
    await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), { timeout: 180_000, interval: 50 });
    const seconds = (Date.now() - since) / 1_000;
    await stop();
    console.log(
      `${BACKLOG} messages: ${publishes()} publishes, ${acks()} acknowledgements, ${pulls()} pulls; ${Math.round(BACKLOG / seconds)} a second`,
    );
    expect(ids.every((id) => seen.has(id))).toBe(true);
    expect((publishes() + acks()) / BACKLOG).toBeLessThanOrEqual(0.05);
  });

  test(`no message of ${BACKLOG} is lost when every connection is cut at one third and at one half`, async () => {
    const name = await fixture.makeQueue();
    const ids = await fill(name, BACKLOG);
    const seen = new Set<string>();
    let runs = 0;
    const stop = fixture.receive(
      name,
      async ({ id }) => {
        seen.add(id);
        runs += 1;
        if (runs === Math.floor(BACKLOG / 3) || runs === BACKLOG / 2) fixture.proxy.cutAll();
      },
      { concurrency: 50 },
    );
    await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), { timeout: 180_000, interval: 50 });
    await stop();
    console.log(`${BACKLOG} messages, two cuts: ${runs - BACKLOG} ran twice`);
    expect(ids.every((id) => seen.has(id))).toBe(true);
  });
});
