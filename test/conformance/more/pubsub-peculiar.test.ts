import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pubsub } from "../../../adapters/pubsub/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Delivery, Driver, Operation, QueueSpec, Source } from "../../../src/driver/index.ts";
import {
  type PubsubEmulator,
  pubsubEmulator,
  ON_EMULATOR,
  pubsubEmulatorMissing,
} from "../../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: tests of the Pub/Sub adapter alone. ${missing}`);

const never = new AbortController().signal;
const spec: QueueSpec = { brokerMaxDeliveries: 15, leaseMs: 10_000 };
const body = JSON.stringify({ id: "m1", type: "job", payload: {}, created_at: "2026-01-01T00:00:00.000Z" });
const message = { body, attributes: { type: "job" }, delayMs: 0 };

describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let emulator: PubsubEmulator;
  let driver: Driver;
  let exactlyOnce: Driver;
  beforeAll(async () => {
    emulator = await pubsubEmulator();
    const options = { projectId: "peculiar", emulatorHost: emulator.host, waitSeconds: 1 };
    driver = pubsub(options);
    exactlyOnce = pubsub({ ...options, exactlyOnce: true });
  });
  afterAll(async () => {
    await driver.close();
    await exactlyOnce.close();
    await emulator.stop();
  });

  async function made(on: Driver = driver, over: Partial<QueueSpec> = {}): Promise<string> {
    const queue = `q-${randomUUID()}`;
    await on.admin?.ensure(queue, { ...spec, ...over });
    return queue;
  }

  async function receive(source: Source): Promise<Delivery> {
    for (;;) {
      const [delivery] = await source.next(1, never);
      if (delivery !== undefined) return delivery;
    }
  }

  function open(queue: string, on: Driver = driver): Source {
    return on.open(queue, { prefetch: 10, leaseMs: 10_000 });
  }

  const ack = (delivery: Delivery): Operation => ({ kind: "ack", delivery });
  const release = (delivery: Delivery): Operation => ({ kind: "release", delivery, delayMs: 0 });

  test("an acknowledgement on an exactly-once queue is confirmed, and a stale one reports a lost lease", async () => {
    const queue = await made(exactlyOnce);
    await exactlyOnce.send(queue, [message, message], never);
    const source = open(queue, exactlyOnce);
    const [stale, other] = [await receive(source), await receive(source)];
    await source.settle([release(stale)]);
    const fresh = await receive(source);
    expect(await source.settle([ack(stale), ack(other)])).toMatchObject([
      { ok: false, error: { kind: "lease_lost" } },
      { ok: true },
    ]);
    expect(await source.settle([ack(fresh), ack(other)])).toEqual([{ ok: true }, { ok: true }]);
    await source.close();
  });

  test("a queue without a dead-letter policy counts no deliveries, and receive refuses it", async () => {
    const delayQueue = `${await made()}-delay`;
    expect(await driver.describe(delayQueue)).toMatchObject({
      countsDeliveries: false,
      brokerMaxDeliveries: undefined,
    });
    const queue = createQueue(driver);
    await expect(queue.receive(delayQueue, async () => {})).rejects.toMatchObject({
      code: "not_supported",
      message: expect.stringContaining("dead-letter policy"),
    });
  });

  test("ensure adjusts the settings of an existing queue, and refuses a change that the provider does not allow", async () => {
    const queue = await made();
    await driver.admin?.ensure(queue, spec);
    expect(await driver.describe(queue)).toMatchObject({ brokerMaxDeliveries: 15, ordering: "none" });
    await driver.admin?.ensure(queue, { ...spec, brokerMaxDeliveries: 1_000, leaseMs: 30_000 });
    expect(await driver.describe(queue)).toMatchObject({ brokerMaxDeliveries: 100 });
    await expect(driver.admin?.ensure(queue, { ...spec, ordering: "by_key" })).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("does not keep order by key"),
    });
    await driver.admin?.drop(queue);
    await driver.admin?.drop(queue);
    await expect(driver.describe(queue)).rejects.toMatchObject({ kind: "not_found" });
  });

  test("a message that the broker's own policy has moved is listed as such, and redriven without the broker's attributes", async () => {
    const name = await made(driver, { brokerMaxDeliveries: 5 });
    await driver.send(name, [message], never);
    const source = open(name);
    for (let delivery = 1; delivery <= 5; delivery += 1) {
      const received = await receive(source);
      expect(received.deliveryCount).toBe(delivery);
      await source.settle([release(received)]);
    }
    // The emulator moves the message when it would deliver it once more.
    expect(await source.next(1, never)).toEqual([]);
    const deadLetters = createQueue(driver).deadLetters(name);
    await vi.waitFor(async () => expect(await deadLetters.list()).toHaveLength(1), { timeout: 90_000 });
    const [deadLetter] = await deadLetters.list();
    expect(deadLetter?.info.reason).toBe("broker:max_delivery_attempts");
    expect(deadLetter?.info.error).toContain("delivered 5 times");
    expect(await deadLetters.redrive()).toMatchObject({ redriven: 1 });
    const again = await receive(source);
    expect(again).toMatchObject({ deliveryCount: 1, deadLetter: undefined });
    expect(Object.keys(again.attributes).some((key) => key.startsWith("CloudPubSub"))).toBe(false);
    await source.settle([ack(again)]);
    await source.close();
  });
});
