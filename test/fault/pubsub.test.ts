import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RetryAfterError } from "../../src/errors.ts";
import { PubsubBed } from "../support/pubsub-bed.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the faults of the pubsub adapter. ${missing}`);

const PUBLISH = "Publisher/Publish";
const PULL = "Subscriber/Pull";
const ACK = "Subscriber/Acknowledge";
const MODIFY = "Subscriber/ModifyAckDeadline";
const BACKLOG = 10_000;
const WAIT = { timeout: 90_000, interval: 20 };
/** So that what comes back in time is not taken for what comes at the end of its lease. */
const LONG_MS = 60_000;
const job = { type: "job", payload: {} };

describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let bed: PubsubBed;
  beforeAll(async () => {
    bed = await PubsubBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  /** Calls of one method since this was called. */
  function counting(path: string): () => number {
    const before = bed.proxy.count(path);
    return () => bed.proxy.count(path) - before;
  }

  async function fill(name: string, count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, index) => ({ ...job, payload: { index } }));
    const outcomes = await bed.queue.sendBatch(name, messages);
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  test.each(["reset", "cut"] as const)(
    "the lost answer of a publish (%s): one more request, and no loss",
    async (by) => {
      const name = await bed.makeQueue();
      await bed.queue.send(name, job);
      const publishes = counting(PUBLISH);
      bed.proxy.on({ path: PUBLISH }, { kind: "drop_response", by });
      const { id } = await bed.queue.send(name, job);
      expect(publishes()).toBe(2);
      const seen: string[] = [];
      const stop = bed.receive(name, async (message) => void seen.push(message.id));
      await vi.waitFor(() => expect(seen).toContain(id), WAIT);
      await stop();
      // Stored both times: that is what the answer did not say.
      expect(seen.filter((one) => one === id).length).toBeLessThanOrEqual(2);
    },
  );

  test.each(["reset", "cut"] as const)(
    "the lost answer of a pull (%s): the message comes again after its lease",
    async (by) => {
      const name = await bed.makeQueue();
      await bed.queue.send(name, job);
      bed.proxy.on({ path: PULL, nth: 1 }, { kind: "drop_response", by });
      const attempts: number[] = [];
      const stop = bed.receive(name, async (_, { attempt }) => void attempts.push(attempt));
      await vi.waitFor(() => expect(attempts).toHaveLength(1), WAIT);
      await stop();
      expect(attempts[0]).toBeLessThanOrEqual(2);
    },
  );

  test.each(["reset", "cut"] as const)(
    "the lost answer of an acknowledgement (%s): it is made again, and the job is run once",
    async (by) => {
      const name = await bed.makeQueue();
      let runs = 0;
      const acks = counting(ACK);
      const rule = bed.proxy.on({ path: ACK }, { kind: "drop_response", by });
      const stop = bed.receive(name, async () => {
        runs += 1;
      });
      await bed.queue.send(name, job);
      await rule.applied;
      await vi.waitFor(() => expect(acks()).toBe(2), WAIT);
      // For longer than its lease.
      await sleep(13_000);
      await stop();
      expect(runs).toBe(1);
      expect(acks()).toBe(2);
    },
  );

  /** Runs that failed and were given back, and the next: the times in between. */
  async function gaps(name: string, failures: number, delayMs: number): Promise<number[]> {
    const runs: number[] = [];
    const stop = bed.receive(
      name,
      async () => {
        runs.push(Date.now());
        if (runs.length <= failures) throw new RetryAfterError(delayMs);
      },
      { leaseMs: LONG_MS },
    );
    await bed.queue.send(name, { ...job, maxAttempts: failures + 3 });
    await vi.waitFor(() => expect(runs.length).toBeGreaterThan(failures), WAIT);
    // Time enough for one that comes once too often.
    await sleep(2 * delayMs);
    await stop();
    expect(runs).toHaveLength(failures + 1);
    return runs.slice(1).map((at, index) => at - (runs[index] as number));
  }

  test("the lost answer of a release: the message comes again when it was to", async () => {
    const name = await bed.makeQueue("none", LONG_MS);
    bed.proxy.on({ path: MODIFY }, { kind: "drop_response", by: "reset" });
    const [gapMs] = await gaps(name, 1, 2_000);
    expect(gapMs).toBeGreaterThan(1_900);
    expect(gapMs).toBeLessThan(20_000);
  });

  test("a backoff of three seconds: back after three seconds, once, and not in a hot loop", async () => {
    const name = await bed.makeQueue("none", LONG_MS);
    const [pulls, changes, since] = [counting(PULL), counting(MODIFY), Date.now()];
    const failures = 4;
    const waited = await gaps(name, failures, 3_000);
    expect(Math.min(...waited)).toBeGreaterThan(2_900);
    // Of four, the shortest: what else runs on the machine may hold one up.
    expect(Math.min(...waited)).toBeLessThan(4_000);
    expect(changes()).toBe(failures);
    // Two queues are polled, for two seconds at a time.
    expect(pulls()).toBeLessThan((2 * (Date.now() - since)) / 1_000);
  });

  test("told to stop in the middle of a handler: its acknowledgement is confirmed before the end", async () => {
    const name = await bed.makeQueue();
    const started = Promise.withResolvers<void>();
    const acks = counting(ACK);
    const stop = bed.receive(name, async () => {
      started.resolve();
      await sleep(4_000);
    });
    await bed.queue.send(name, job);
    await started.promise;
    await stop();
    expect(acks()).toBe(1);
    let again = 0;
    const stopAgain = bed.receive(name, async () => {
      again += 1;
    });
    await sleep(12_000);
    await stopAgain();
    expect(again).toBe(0);
  });

  test("a connection that answers nothing any more is replaced", async () => {
    const name = await bed.makeQueue();
    await bed.queue.send(name, job);
    const publishes = bed.proxy.on({ path: PUBLISH }, { kind: "black_hole" });
    const since = Date.now();
    await bed.queue.send(name, job);
    expect(publishes.hits).toBe(1);
    // The connection would be taken for alive for as long as it is open.
    expect(Date.now() - since).toBeLessThan(28_000);
  });

  test(`a backlog of ${BACKLOG}, fifty at a time: at most 0.05 requests a message`, async () => {
    const name = await bed.makeQueue("none", 60_000);
    const [publishes, acks, pulls] = [counting(PUBLISH), counting(ACK), counting(PULL)];
    const ids = await fill(name, BACKLOG);
    const seen = new Set<string>();
    const since = Date.now();
    const stop = bed.receive(name, async ({ id }) => void seen.add(id), { concurrency: 50, leaseMs: 60_000 });
    await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), { timeout: 180_000, interval: 50 });
    const seconds = (Date.now() - since) / 1_000;
    await stop();
    console.log(
      `${BACKLOG} messages: ${publishes()} publishes, ${acks()} acknowledgements, ${pulls()} pulls; ${Math.round(BACKLOG / seconds)} a second`,
    );
    expect(ids.every((id) => seen.has(id))).toBe(true);
    expect((publishes() + acks()) / BACKLOG).toBeLessThanOrEqual(0.05);
  });

  test(`every connection is cut at one third and at one half of ${BACKLOG}: none is lost`, async () => {
    const name = await bed.makeQueue();
    const ids = await fill(name, BACKLOG);
    const seen = new Set<string>();
    let runs = 0;
    const stop = bed.receive(
      name,
      async ({ id }) => {
        seen.add(id);
        runs += 1;
        if (runs === Math.floor(BACKLOG / 3) || runs === BACKLOG / 2) bed.proxy.cutAll();
      },
      { concurrency: 50 },
    );
    await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), { timeout: 180_000, interval: 50 });
    await stop();
    console.log(`${BACKLOG} messages, two cuts: ${runs - BACKLOG} were run twice`);
    expect(ids.every((id) => seen.has(id))).toBe(true);
  });
});
