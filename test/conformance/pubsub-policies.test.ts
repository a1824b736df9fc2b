import { randomUUID } from "node:crypto";
import { type protos, PubSub, v1 } from "@google-cloud/pubsub";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pubsub } from "../../adapters/pubsub/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Delivery, Driver, Operation } from "../../src/driver/index.ts";
import type { ReceiveEvent } from "../../src/diagnostics.ts";
import type { Queue, ReceiveOptions } from "../../src/queue/queue.ts";
import { RetryAfterError } from "../../src/errors.ts";
import {
  ON_EMULATOR,
  type PubsubEmulator,
  pubsubEmulator,
  pubsubEmulatorMissing,
} from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the policies of the pubsub adapter. ${missing}`);

const LEASE_MS = 10_000;
const WAIT = { timeout: 90_000, interval: 10 };
const job = { type: "job", payload: {} };

/** What the settings of topics and subscriptions come to. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let emulator: PubsubEmulator;
  let connection: { readonly projectId: string; readonly emulatorHost: string; readonly waitSeconds: number };
  let driver: Driver;
  let queue: Queue;
  let subscriber: v1.SubscriberClient;
  beforeAll(async () => {
    emulator = await pubsubEmulator();
    connection = { projectId: "policies", emulatorHost: emulator.host, waitSeconds: 1 };
    driver = pubsub(connection);
    queue = createQueue(driver);
    const sdk = new PubSub({ projectId: "policies", apiEndpoint: emulator.host, emulatorMode: true });
    const config = await sdk.getClientConfig();
    subscriber = new v1.SubscriberClient({ ...config, clientOptions: { universeDomain: "googleapis.com" } });
  });
  afterAll(async () => {
    await queue.close();
    await subscriber.close();
    await emulator.stop();
  });

  async function subscriptionOf(name: string): Promise<protos.google.pubsub.v1.ISubscription> {
    const [found] = await subscriber.getSubscription({
      subscription: `projects/policies/subscriptions/${name}`,
    });
    return found;
  }

  /** Receives until it is stopped; what was run, and what was said. */
  function receive(
    on: Queue,
    name: string,
    fails: (run: number) => unknown = () => undefined,
    options: ReceiveOptions = {},
  ) {
    const runs: number[] = [];
    const events: ReceiveEvent[] = [];
    const stop = new AbortController();
    const receiving = on.receive(
      name,
      async (_, { attempt }) => {
        runs.push(attempt);
        const error = fails(runs.length);
        if (error !== undefined) throw error;
      },
      {
        leaseMs: LEASE_MS,
        onEvent: (event) => void events.push(event as ReceiveEvent),
        ...options,
        signal: stop.signal,
      },
    );
    return {
      runs,
      events,
      receiving,
      stop: async (): Promise<void> => {
        stop.abort();
        await receiving;
      },
    };
  }

  test("what ensure makes does not expire, keeps what it has, and counts; what is parked is not counted", async () => {
    const name = `q-${randomUUID()}`;
    await queue.ensure(name, { maxAttempts: 7, leaseMs: 20_000 });
    const [main, letters, parked] = await Promise.all(
      [name, `${name}-dlq`, `${name}-delay`].map((one) => subscriptionOf(one)),
    );
    for (const one of [main, letters, parked]) {
      expect(one?.expirationPolicy?.ttl ?? null).toBeNull();
      // The most that the emulator takes.
      expect(Number(one?.messageRetentionDuration?.seconds)).toBe(7 * 86_400);
    }
    expect(main?.ackDeadlineSeconds).toBe(20);
    // Above queueport's own guard, which is five above maxAttempts.
    expect(main?.deadLetterPolicy).toMatchObject({
      deadLetterTopic: `projects/policies/topics/${name}-dlq`,
      maxDeliveryAttempts: 17,
    });
    // Without a subscription, the topic of dead letters would lose them.
    expect(letters?.topic).toBe(`projects/policies/topics/${name}-dlq`);
    expect(parked?.deadLetterPolicy ?? null).toBeNull();
    expect(letters?.deadLetterPolicy ?? null).toBeNull();
    await queue.ensure(name, { maxAttempts: 7, leaseMs: 20_000 });
    expect(await subscriptionOf(name)).toEqual(main);
  });

  test("without a dead-letter policy, work goes on knowingly: allowUncounted", async () => {
    const name = `q-${randomUUID()}`;
    await queue.ensure(name);
    await queue.send(`${name}-delay`, job);
    const refused = receive(queue, `${name}-delay`);
    await expect(refused.receiving).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringMatching(/ensure does.*allowUncounted: true/s),
    });
    const { runs, stop } = receive(queue, `${name}-delay`, undefined, { allowUncounted: true });
    await vi.waitFor(() => expect(runs).toHaveLength(1), WAIT);
    await stop();
  });

  test("a worker warns where the broker would act before it, with both numbers", async () => {
    const name = `q-${randomUUID()}`;
    await driver.admin?.ensure(name, { brokerMaxDeliveries: 6, leaseMs: LEASE_MS });
    const { events, stop } = receive(queue, name);
    await vi.waitFor(() => expect(events.some(({ event }) => event === "warning")).toBe(true), WAIT);
    await stop();
    const warning = events.find(({ event }) => event === "warning");
    expect(warning).toMatchObject({
      code: "broker_limit",
      message: expect.stringMatching(/after 6 .* after 10 /s),
    });
  });

  test("a subscription that leases for less than its worker: the message is held for as long as it is handled", async () => {
    const name = `q-${randomUUID()}`;
    await queue.ensure(name, { leaseMs: LEASE_MS });
    await queue.send(name, job);
    const runs: number[] = [];
    const stop = new AbortController();
    const handled = Promise.withResolvers<void>();
    const receiving = queue.receive(
      name,
      async (_, { attempt }) => {
        runs.push(attempt);
        await new Promise((resolve) => setTimeout(resolve, 1.6 * LEASE_MS));
        handled.resolve();
      },
      { leaseMs: 6 * LEASE_MS, signal: stop.signal },
    );
    await handled.promise;
    stop.abort();
    await receiving;
    expect(runs).toHaveLength(1);
  });

  test("several subscriptions on one topic: what comes back for one is not run by the other", async () => {
    const topic = `orders-${randomUUID()}`;
    const pair = (subscription: string) => ({ topic, subscription: `${topic}-${subscription}` });
    const queues = { billing: pair("billing"), shipping: pair("shipping") };
    // No release in place: what is tried again goes by the parking queue, and back to the topic.
    const shared = createQueue(pubsub({ ...connection, queues, limits: { maxReleaseDelayMs: 0 } }));
    await shared.ensure("billing", { leaseMs: LEASE_MS });
    await shared.ensure("shipping", { leaseMs: LEASE_MS });
    const billing = receive(shared, "billing", (run) => (run === 1 ? new RetryAfterError(1_000) : undefined));
    const shipping = receive(shared, "shipping");
    await shared.send("billing", job);
    await vi.waitFor(() => expect(billing.runs).toHaveLength(2), WAIT);
    // Acknowledged there, it does not come again when its lease would end.
    await vi.waitFor(() => expect(shipping.runs).toHaveLength(1), WAIT);
    await shipping.stop();
    const later = receive(shared, "shipping");
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 2_000));
    expect([shipping.runs.length, later.runs.length]).toEqual([1, 0]);
    await Promise.all([billing.stop(), later.stop()]);
    // A topic that others are on is not ours to remove.
    await shared.drop("billing");
    await shared.send("shipping", job);
    await shared.close();
  });

  test("exactly-once: what is acknowledged when its lease has ended, and it was delivered again, is a lost lease", async () => {
    const exactlyOnce = pubsub({ ...connection, exactlyOnce: true });
    const name = `q-${randomUUID()}`;
    await exactlyOnce.admin?.ensure(name, { brokerMaxDeliveries: 15, leaseMs: LEASE_MS });
    await exactlyOnce.send(
      name,
      [{ body: "{}", attributes: { type: "job" }, delayMs: 0 }],
      new AbortController().signal,
    );
    const source = exactlyOnce.open(name, { prefetch: 1, leaseMs: LEASE_MS });
    const [late] = await source.next(1, new AbortController().signal);
    let again: Delivery | undefined;
    // Nobody extends it: after ten seconds it is delivered once more.
    while (again === undefined) [again] = await source.next(1, new AbortController().signal);
    const ack = (delivery: Delivery | undefined): Operation => ({
      kind: "ack",
      delivery: delivery as Delivery,
    });
    expect(await source.settle([ack(late), ack(again)])).toMatchObject([
      { ok: false, error: { kind: "lease_lost" } },
      { ok: true },
    ]);
    await exactlyOnce.close();
  });

  test("exactly-once, from end to end: two hundred jobs are run once each", async () => {
    const exactlyOnce = createQueue(pubsub({ ...connection, exactlyOnce: true }));
    const name = `q-${randomUUID()}`;
    await exactlyOnce.ensure(name, { leaseMs: LEASE_MS });
    await exactlyOnce.sendBatch(
      name,
      Array.from({ length: 200 }, () => job),
    );
    const { runs, stop } = receive(exactlyOnce, name, undefined, { concurrency: 20 });
    await vi.waitFor(() => expect(runs).toHaveLength(200), WAIT);
    await stop();
    const after = receive(exactlyOnce, name);
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1_000));
    await after.stop();
    expect([runs.length, after.runs.length]).toEqual([200, 0]);
    await exactlyOnce.close();
  });

  test("a delay of two seconds is on time to within half a second, beside what any message takes", async () => {
    const name = `q-${randomUUID()}`;
    await queue.ensure(name, { leaseMs: LEASE_MS });
    const arrived: number[] = [];
    const stop = new AbortController();
    const receiving = queue.receive(name, async () => void arrived.push(Date.now()), {
      leaseMs: LEASE_MS,
      signal: stop.signal,
    });
    /** By how much a message comes after it was due. */
    const lateness = async (delayMs: number): Promise<number> => {
      const due = Date.now() + delayMs;
      arrived.length = 0;
      await queue.sendDelayed(name, job, delayMs);
      await vi.waitFor(() => expect(arrived).toHaveLength(1), WAIT);
      return (arrived[0] as number) - due;
    };
    const [late, prompt]: [number[], number[]] = [[], []];
    for (let round = 0; round < 5; round += 1) {
      prompt.push(await lateness(0));
      late.push(await lateness(2_000));
    }
    stop.abort();
    await receiving;
    expect(Math.min(...late)).toBeGreaterThan(-50);
    // Of five, the middle one: what else runs on the machine may hold one up. It is sent twice, and received twice.
    expect(median(late)).toBeLessThan(500 + 2 * median(prompt));
  });
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
