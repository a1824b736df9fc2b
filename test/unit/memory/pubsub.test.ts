import { expect, test } from "vitest";
import {
  attributesOf,
  bodies,
  copies,
  emulated,
  extend,
  kinds,
  MINUTE,
  release,
  SECOND,
  spec,
} from "./support.ts";

test("emulated Pub/Sub refuses messages and requests beyond its limits", async () => {
  const { send, driver } = emulated("pubsub");
  expect(
    kinds(
      await send(
        { attributes: attributesOf(100) },
        { attributes: attributesOf(101) },
        { attributes: { a: "v".repeat(1_024) } },
        { attributes: { a: "v".repeat(1_025) } },
        { delayMs: 1 },
      ),
    ),
  ).toEqual(["ok", "permanent", "ok", "permanent", "permanent"]);
  const { maxBatch, maxMessageBytes, messageOverheadBytes = 0 } = driver.limits;
  const largest = maxMessageBytes - messageOverheadBytes;
  expect(kinds(await send({ body: "x".repeat(largest) }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(largest + 1) }))).toEqual(["too_large"]);
  await expect(send(...copies(maxBatch + 1))).rejects.toMatchObject({ kind: "permanent" });
  await expect(send(...copies(2, { body: "x".repeat(5_000_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("emulated Pub/Sub grants leases of 10 seconds to 10 minutes, and releases for up to 10 minutes", async () => {
  const fixture = emulated("pubsub", { leaseMs: SECOND });
  await fixture.send("a");
  const delivery = await fixture.receiveOne();
  expect(delivery.leaseUntil).toBe(fixture.clock.now() + 10 * SECOND);
  expect(
    kinds(
      await fixture.settle(
        extend(delivery, 10 * MINUTE),
        extend(delivery, 10 * MINUTE + 1),
        release(delivery, 10 * MINUTE + 1),
      ),
    ),
  ).toEqual(["ok", "permanent", "permanent"]);
  await fixture.settle(release(delivery, 10 * MINUTE));
  await fixture.clock.advance(10 * MINUTE);
  expect((await fixture.receiveOne()).deliveryCount).toBe(2);
});

test("emulated Pub/Sub cannot cancel, and has no counts", async () => {
  const { driver, clock } = emulated("pubsub");
  expect(driver.cancel?.("1:jobs")).toBeUndefined();
  expect(await driver.stats("jobs")).toEqual({ approximate: true, asOf: clock.now() });
});

test("emulated Pub/Sub counts deliveries only on a queue with a delivery limit", async () => {
  const { driver } = emulated("pubsub");
  expect(await driver.describe("jobs")).toMatchObject({ countsDeliveries: true, dedupWindowMs: 0 });
  expect((await driver.describe("jobs-delay")).countsDeliveries).toBe(false);
  for (const [asked, granted] of [
    [4, 5],
    [101, 100],
  ] as const) {
    await driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: asked });
    expect((await driver.describe("jobs")).brokerMaxDeliveries).toBe(granted);
  }
});

test("emulated Pub/Sub delivers bodies as bytes", async () => {
  const fixture = emulated("pubsub");
  await fixture.send("text");
  const delivery = await fixture.receiveOne();
  expect(delivery.body).toBeInstanceOf(Uint8Array);
  expect(bodies([delivery])).toEqual(["text"]);
});

test("an existing queue of emulated Pub/Sub cannot become ordered", async () => {
  const fixture = emulated("pubsub");
  await fixture.driver.admin.ensure("ordered", { ...spec, ordering: "by_key" });
  expect(await fixture.driver.describe("ordered")).toMatchObject({
    ordering: "by_key",
    orderingKeyRequired: false,
  });
  await expect(fixture.driver.admin.ensure("jobs", { ...spec, ordering: "by_key" })).rejects.toMatchObject({
    kind: "permanent",
  });
});
