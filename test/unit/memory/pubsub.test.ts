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

test("refuses messages and requests beyond its limits", async () => {
  const { send } = emulated("pubsub");
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
  expect(kinds(await send({ body: "x".repeat(10_000_000) }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(10_000_001) }))).toEqual(["too_large"]);
  await expect(send(...copies(1_001))).rejects.toMatchObject({ kind: "permanent" });
  await expect(send(...copies(2, { body: "x".repeat(5_000_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("has leases from ten seconds to ten minutes, and releases for up to ten minutes", async () => {
  const bed = emulated("pubsub", { leaseMs: SECOND });
  await bed.send("a");
  const delivery = await bed.receiveOne();
  expect(delivery.leaseUntil).toBe(bed.clock.now() + 10 * SECOND);
  expect(
    kinds(
      await bed.settle(
        extend(delivery, 10 * MINUTE),
        extend(delivery, 10 * MINUTE + 1),
        release(delivery, 10 * MINUTE + 1),
      ),
    ),
  ).toEqual(["ok", "permanent", "permanent"]);
  await bed.settle(release(delivery, 10 * MINUTE));
  await bed.clock.advance(10 * MINUTE);
  expect((await bed.receiveOne()).deliveryCount).toBe(2);
});

test("cannot cancel, and cannot tell how much is in a queue", async () => {
  const { driver, clock } = emulated("pubsub");
  expect(driver.cancel?.("1:jobs")).toBeUndefined();
  expect(await driver.stats("jobs")).toEqual({ approximate: true, asOf: clock.now() });
});

test("counts deliveries where it has a delivery limit, and there alone", async () => {
  const { driver } = emulated("pubsub");
  expect(await driver.describe("jobs")).toMatchObject({ countsDeliveries: true, dedupWindowMs: 0 });
  expect((await driver.describe("jobs-delay")).countsDeliveries).toBe(false);
  for (const brokerMaxDeliveries of [4, 101]) {
    await expect(driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries })).rejects.toMatchObject({
      kind: "permanent",
    });
  }
});

test("gives bodies back as bytes", async () => {
  const bed = emulated("pubsub");
  await bed.send("text");
  const delivery = await bed.receiveOne();
  expect(delivery.body).toBeInstanceOf(Uint8Array);
  expect(bodies([delivery])).toEqual(["text"]);
});

test("is ordered from its creation, or never", async () => {
  const bed = emulated("pubsub");
  await bed.driver.admin.ensure("ordered", { ...spec, ordering: "by_key" });
  expect(await bed.driver.describe("ordered")).toMatchObject({
    ordering: "by_key",
    orderingKeyRequired: false,
  });
  await expect(bed.driver.admin.ensure("jobs", { ...spec, ordering: "by_key" })).rejects.toMatchObject({
    kind: "permanent",
  });
});
