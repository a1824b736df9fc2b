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

test("emulated Service Bus refuses messages and requests beyond its limits", async () => {
  const { send, driver } = emulated("service-bus");
  const { maxMessageBytes, messageOverheadBytes = 0 } = driver.limits;
  const largest = maxMessageBytes - messageOverheadBytes;
  expect(kinds(await send({ body: "x".repeat(largest) }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(largest + 1) }))).toEqual(["too_large"]);
  await expect(send(...copies(2, { body: "x".repeat(150_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
  await driver.admin.ensure("jobs", { ...spec, leaseMs: 6 * MINUTE });
  expect((await driver.describe("jobs")).fixedLeaseMs).toBe(5 * MINUTE);
});

test("a lease of emulated Service Bus lasts as long as the queue's lock, whatever was asked for", async () => {
  const fixture = emulated("service-bus", { leaseMs: 5 * SECOND });
  await fixture.send("a");
  const delivery = await fixture.receiveOne();
  expect(delivery.leaseUntil).toBe(fixture.clock.now() + 30 * SECOND);
  await fixture.clock.advance(SECOND);
  expect(await fixture.settle(extend(delivery, SECOND))).toEqual([
    { ok: true, leaseUntil: fixture.clock.now() + 30 * SECOND },
  ]);
  await fixture.driver.admin.ensure("jobs", { ...spec, leaseMs: MINUTE });
  expect((await fixture.driver.describe("jobs")).fixedLeaseMs).toBe(MINUTE);
  expect((await fixture.driver.describe("jobs/$DeadLetterQueue")).fixedLeaseMs).toBe(MINUTE);
});

test("emulated Service Bus refuses a release with a delay, and more than 25 operations in a call", async () => {
  const fixture = emulated("service-bus");
  await fixture.send("a");
  const delivery = await fixture.receiveOne();
  expect(kinds(await fixture.settle(release(delivery, 1)))).toEqual(["permanent"]);
  const tooMany = Array.from({ length: fixture.driver.limits.maxSettleBatch + 1 }, () => ack(delivery));
  await expect(fixture.settle(...tooMany)).rejects.toMatchObject({ kind: "permanent" });
  expect(kinds(await fixture.settle(release(delivery)))).toEqual(["ok"]);
  expect((await fixture.receiveOne()).deliveryCount).toBe(2);
});

test("emulated Service Bus refuses an ack after the end of the lease", async () => {
  const fixture = emulated("service-bus");
  await fixture.send("a");
  const delivery = await fixture.receiveOne();
  await fixture.clock.advance(30 * SECOND);
  expect(kinds(await fixture.settle(ack(delivery)))).toEqual(["lease_lost"]);
  expect((await fixture.receiveOne()).deliveryCount).toBe(2);
});

test("emulated Service Bus delays a message by 30 days and cancels it", async () => {
  const fixture = emulated("service-bus");
  const [sent] = await fixture.send({ delayMs: 30 * DAY, cancellable: true });
  expect(await counts(fixture)).toEqual([0, 0, 1]);
  expect(await fixture.driver.cancel!(sent?.ok === true ? sent.handle! : "")).toBe(true);
  expect(await counts(fixture)).toEqual([0, 0, 0]);
});

test("emulated Service Bus absorbs a repeated dedup id for 10 minutes", async () => {
  const fixture = emulated("service-bus");
  await fixture.send({ body: "a", dedupId: "1" }, { body: "b", dedupId: "1" });
  await fixture.clock.advance(10 * MINUTE);
  await fixture.send({ body: "c", dedupId: "1" });
  expect(bodies(await fixture.receive())).toEqual(["a", "c"]);
});

test("a dead letter of emulated Service Bus is in the sub-queue, with its reason and its changed attributes", async () => {
  const fixture = emulated("service-bus");
  const deadLetters = fixture.driver.open("jobs/$DeadLetterQueue", { prefetch: 2, leaseMs: LEASE_MS });
  const polled = deadLetters.next(1, never);
  await fixture.send({ body: "a", attributes: { type: "t", qp_attempt: "1" } });
  const delivery = await fixture.receiveOne();
  const deadLetter = {
    kind: "dead_letter",
    delivery,
    reason: "handler_error",
    description: "it broke",
    attributes: { qp_attempt: "2", qp_dlq: "{}" },
  } as const;
  expect(kinds(await fixture.settle(deadLetter))).toEqual(["ok"]);
  expect(kinds(await fixture.settle(deadLetter))).toEqual(["ok"]);
  expect((await fixture.driver.stats("jobs")).deadLettered).toBe(1);
  const [dead] = await polled;
  expect(bodies([dead!])).toEqual(["a"]);
  expect(dead).toMatchObject({
    deliveryCount: 1,
    attributes: { type: "t", qp_attempt: "2", qp_dlq: "{}" },
    deadLetter: { reason: "handler_error", description: "it broke" },
  });
  expect(kinds(await deadLetters.settle([{ ...deadLetter, delivery: dead! }]))).toEqual(["permanent"]);
  expect(kinds(await deadLetters.settle([ack(dead!)]))).toEqual(["ok"]);
  expect((await fixture.driver.stats("jobs")).deadLettered).toBe(0);
});

test("a send to the dead-letter sub-queue of emulated Service Bus is refused", async () => {
  const { driver } = emulated("service-bus");
  expect(await driver.describe("jobs")).toMatchObject({
    deadLetter: "native",
    deadLetterQueue: "jobs/$DeadLetterQueue",
  });
  expect(kinds(await driver.send("jobs/$DeadLetterQueue", [outgoing("a")], never))).toEqual(["permanent"]);
  await driver.admin.drop("jobs");
  await expect(driver.describe("jobs/$DeadLetterQueue")).rejects.toMatchObject({ kind: "not_found" });
});

test("a message of emulated Service Bus stays leased if the dead-letter sub-queue is full", async () => {
  const fixture = emulated("service-bus", { capacity: 1 });
  const deadLetter = async (): Promise<string[]> => {
    await fixture.send("a");
    const delivery = await fixture.receiveOne();
    return kinds(
      await fixture.settle({ kind: "dead_letter", delivery, reason: "r", description: "d", attributes: {} }),
    );
  };
  expect(await deadLetter()).toEqual(["ok"]);
  expect(await deadLetter()).toEqual(["full"]);
  expect(await counts(fixture)).toEqual([0, 1, 0]);
});

test("an ordered queue of emulated Service Bus refuses a message without an ordering key", async () => {
  const fixture = emulated("service-bus");
  await fixture.driver.admin.ensure("ordered", { ...spec, ordering: "by_key" });
  expect((await fixture.driver.describe("ordered")).orderingKeyRequired).toBe(true);
  const messages = [outgoing({ orderingKey: "k" }), outgoing("a")];
  expect(kinds(await fixture.driver.send("ordered", messages, never))).toEqual(["ok", "permanent"]);
  expect(await fixture.driver.describe("ordered/$DeadLetterQueue")).toMatchObject({ ordering: "none" });
});
