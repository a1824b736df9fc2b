import { expect, test } from "vitest";
import {
  ack,
  bodies,
  copies,
  counts,
  DAY,
  emulated,
  extend,
  kinds,
  LEASE_MS,
  MINUTE,
  never,
  outgoing,
  release,
  SECOND,
  spec,
} from "./support.ts";

test("refuses messages and requests beyond its limits", async () => {
  const { send, driver } = emulated("service-bus");
  expect(kinds(await send({ body: "x".repeat(262_144) }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(262_145) }))).toEqual(["too_large"]);
  await expect(send(...copies(2, { body: "x".repeat(150_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
  await expect(driver.admin.ensure("jobs", { ...spec, leaseMs: 6 * MINUTE })).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("has a lease of its own, whatever was asked for", async () => {
  const bed = emulated("service-bus", { leaseMs: 5 * SECOND });
  await bed.send("a");
  const delivery = await bed.receiveOne();
  expect(delivery.leaseUntil).toBe(bed.clock.now() + 30 * SECOND);
  await bed.clock.advance(SECOND);
  expect(await bed.settle(extend(delivery, SECOND))).toEqual([
    { ok: true, leaseUntil: bed.clock.now() + 30 * SECOND },
  ]);
  await bed.driver.admin.ensure("jobs", { ...spec, leaseMs: MINUTE });
  expect((await bed.driver.describe("jobs")).fixedLeaseMs).toBe(MINUTE);
  expect((await bed.driver.describe("jobs/$DeadLetterQueue")).fixedLeaseMs).toBe(MINUTE);
});

test("cannot delay a release, and settles one at a time", async () => {
  const bed = emulated("service-bus");
  await bed.send("a");
  const delivery = await bed.receiveOne();
  expect(kinds(await bed.settle(release(delivery, 1)))).toEqual(["permanent"]);
  await expect(bed.settle(ack(delivery), ack(delivery))).rejects.toMatchObject({ kind: "permanent" });
  expect(kinds(await bed.settle(release(delivery)))).toEqual(["ok"]);
  expect((await bed.receiveOne()).deliveryCount).toBe(2);
});

test("does not take an ack once the lease has ended", async () => {
  const bed = emulated("service-bus");
  await bed.send("a");
  const delivery = await bed.receiveOne();
  await bed.clock.advance(30 * SECOND);
  expect(kinds(await bed.settle(ack(delivery)))).toEqual(["lease_lost"]);
  expect((await bed.receiveOne()).deliveryCount).toBe(2);
});

test("schedules and cancels", async () => {
  const bed = emulated("service-bus");
  const [sent] = await bed.send({ delayMs: 30 * DAY, cancellable: true });
  expect(await counts(bed)).toEqual([0, 0, 1]);
  expect(await bed.driver.cancel!(sent?.ok === true ? sent.handle! : "")).toBe(true);
  expect(await counts(bed)).toEqual([0, 0, 0]);
});

test("absorbs a repeated id for ten minutes", async () => {
  const bed = emulated("service-bus");
  await bed.send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
  await bed.clock.advance(10 * MINUTE);
  await bed.send({ body: "c", dedupId: "1" });
  expect(bodies(await bed.receive())).toEqual(["a", "c"]);
});

test("keeps dead letters in a sub-queue, with their reason and changed attributes", async () => {
  const bed = emulated("service-bus");
  const letters = bed.driver.open("jobs/$DeadLetterQueue", { prefetch: 2, leaseMs: LEASE_MS });
  const polled = letters.next(1, never);
  await bed.send({ body: "a", attributes: { type: "t", qp_attempt: "1" } });
  const delivery = await bed.receiveOne();
  const letter = {
    kind: "dead_letter",
    delivery,
    reason: "handler_error",
    description: "it broke",
    attributes: { qp_attempt: "2", qp_dlq: "{}" },
  } as const;
  expect(kinds(await bed.settle(letter))).toEqual(["ok"]);
  expect(kinds(await bed.settle(letter))).toEqual(["ok"]);
  expect((await bed.driver.stats("jobs")).deadLettered).toBe(1);
  const [dead] = await polled;
  expect(bodies([dead!])).toEqual(["a"]);
  expect(dead).toMatchObject({
    deliveryCount: 1,
    attributes: { type: "t", qp_attempt: "2", qp_dlq: "{}" },
    deadLetter: { reason: "handler_error", description: "it broke" },
  });
  expect(kinds(await letters.settle([{ ...letter, delivery: dead! }]))).toEqual(["permanent"]);
  expect(kinds(await letters.settle([ack(dead!)]))).toEqual(["ok"]);
  expect((await bed.driver.stats("jobs")).deadLettered).toBe(0);
});

test("lets nobody but the broker write to that sub-queue", async () => {
  const { driver } = emulated("service-bus");
  expect(await driver.describe("jobs")).toMatchObject({
    deadLetter: "native",
    deadLetterQueue: "jobs/$DeadLetterQueue",
  });
  expect(kinds(await driver.send("jobs/$DeadLetterQueue", [outgoing("a")], never))).toEqual(["permanent"]);
  await driver.admin.drop("jobs");
  await expect(driver.describe("jobs/$DeadLetterQueue")).rejects.toMatchObject({ kind: "not_found" });
});

test("keeps a message whose dead-letter sub-queue is full", async () => {
  const bed = emulated("service-bus", { capacity: 1 });
  const deadLetter = async (): Promise<string[]> => {
    await bed.send("a");
    const delivery = await bed.receiveOne();
    return kinds(
      await bed.settle({ kind: "dead_letter", delivery, reason: "r", description: "d", attributes: {} }),
    );
  };
  expect(await deadLetter()).toEqual(["ok"]);
  expect(await deadLetter()).toEqual(["full"]);
  expect(await counts(bed)).toEqual([0, 1, 0]);
});

test("needs a key on an ordered queue", async () => {
  const bed = emulated("service-bus");
  await bed.driver.admin.ensure("ordered", { ...spec, ordering: "by_key" });
  expect((await bed.driver.describe("ordered")).orderingKeyRequired).toBe(true);
  const messages = [outgoing({ orderingKey: "k" }), outgoing("a")];
  expect(kinds(await bed.driver.send("ordered", messages, never))).toEqual(["ok", "permanent"]);
  expect(await bed.driver.describe("ordered/$DeadLetterQueue")).toMatchObject({ ordering: "none" });
});
