import { describe, expect, test } from "vitest";
import { newFixture, bodies, counts, kinds, LEASE_MS, never, outgoing, release } from "./support.ts";

const spec = { brokerMaxDeliveries: 3, leaseMs: LEASE_MS };

describe("queues", () => {
  test("a queue that does not exist is created on its first use", async () => {
    const { driver } = newFixture();
    expect(await driver.describe("new")).toEqual({
      ordering: "none",
      orderingKeyRequired: false,
      dedupWindowMs: 0,
      deadLetter: "copy",
      deadLetterQueue: "new-dlq",
      delayQueue: "new-delay",
      nativeDelayMs: Number.POSITIVE_INFINITY,
      brokerMaxDeliveries: undefined,
      fixedLeaseMs: undefined,
      countsDeliveries: true,
    });
    expect(await driver.stats("newer")).toMatchObject({ ready: 0, inFlight: 0, delayed: 0 });
    expect(driver.limits.createsQueues).toBe(true);
  });

  test("a strict driver refuses a queue that does not exist, with its name in the error", async () => {
    const { driver, source } = newFixture({ strict: true, queues: ["other"] });
    const missing = { kind: "not_found", message: expect.stringContaining('"jobs"') };
    await expect(driver.describe("jobs")).rejects.toMatchObject(missing);
    await expect(driver.send("jobs", [outgoing("a")], never)).rejects.toMatchObject(missing);
    await expect(driver.stats("jobs")).rejects.toMatchObject(missing);
    await expect(source.next(1, never)).rejects.toMatchObject(missing);
    expect(driver.limits.createsQueues).toBe(false);
    for (const queue of ["other", "other-dlq", "other-delay"]) {
      expect(await driver.stats(queue)).toMatchObject({ ready: 0 });
    }
    await driver.admin.ensure("jobs", spec);
    for (const queue of ["jobs", "jobs-dlq", "jobs-delay"]) {
      expect(await driver.stats(queue)).toMatchObject({ ready: 0 });
    }
  });

  test("deliveries of an uncounted queue are not counted", async () => {
    const fixture = newFixture({ uncounted: ["jobs"] });
    expect((await fixture.driver.describe("jobs")).countsDeliveries).toBe(false);
    await fixture.send("a");
    await fixture.settle(release(await fixture.receiveOne()));
    expect((await fixture.receiveOne()).deliveryCount).toBe(1);
  });
});

describe("ensure", () => {
  test("a second ensure keeps the messages and applies the new settings", async () => {
    const fixture = newFixture();
    await fixture.driver.admin.ensure("jobs", spec);
    await fixture.send("a");
    await fixture.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 7 });
    expect((await fixture.driver.describe("jobs")).brokerMaxDeliveries).toBe(7);
    expect((await fixture.driver.describe("jobs-dlq")).brokerMaxDeliveries).toBeUndefined();
    expect(bodies(await fixture.receive())).toEqual(["a"]);
  });

  test("the broker dead-deadLetters a message after the deliveries that ensure has set", async () => {
    const fixture = newFixture();
    await fixture.driver.admin.ensure("jobs", spec);
    await fixture.send({ body: "a", attributes: { type: "t" } });
    for (let count = 1; count <= 3; count += 1) await fixture.settle(release(await fixture.receiveOne()));
    expect(await counts(fixture)).toEqual([1, 0, 0]);
    expect(await fixture.receive()).toEqual([]);
    expect(await counts(fixture)).toEqual([0, 0, 0]);
    const deadLetters = fixture.driver.open("jobs-dlq", { prefetch: 1, leaseMs: LEASE_MS });
    const [dead] = await deadLetters.next(1, never);
    expect(dead).toMatchObject({
      body: "a",
      attributes: { type: "t" },
      deliveryCount: 1,
      deadLetter: { reason: "MaxDeliveryCountExceeded" },
    });
  });

  test("a late ack of a message that the broker has moved is lease_lost", async () => {
    const fixture = newFixture();
    await fixture.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1 });
    await fixture.send("a");
    const delivery = await fixture.receiveOne();
    await fixture.clock.advance(LEASE_MS);
    expect(await fixture.receive()).toEqual([]);
    expect(kinds(await fixture.settle({ kind: "ack", delivery }))).toEqual(["lease_lost"]);
    expect((await fixture.driver.stats("jobs-dlq")).ready).toBe(1);
  });

  test("a message without deliveries left stays in its queue while the dead-letter queue is full", async () => {
    const fixture = newFixture({ capacity: 1 });
    await fixture.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1 });
    await fixture.driver.send("jobs-dlq", [outgoing("filler")], never);
    await fixture.send("a");
    await fixture.settle(release(await fixture.receiveOne()));
    expect((await fixture.receiveOne()).deliveryCount).toBe(2);
  });

  test("ensure refuses a delivery limit of 0", async () => {
    const { driver } = newFixture();
    await expect(driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 0 })).rejects.toMatchObject({
      kind: "permanent",
    });
  });
});

describe("drop", () => {
  test("drop removes the queue and its siblings, and a second drop does nothing", async () => {
    const fixture = newFixture({ strict: true, queues: ["jobs"] });
    await fixture.send("a");
    await fixture.driver.admin.drop("jobs");
    await fixture.driver.admin.drop("jobs");
    for (const queue of ["jobs", "jobs-dlq", "jobs-delay"]) {
      await expect(fixture.driver.stats(queue)).rejects.toMatchObject({ kind: "not_found" });
    }
    await fixture.driver.admin.ensure("jobs", spec);
    expect(await counts(fixture)).toEqual([0, 0, 0]);
  });

  test("polls and settlements of a queue that is dropped fail with not_found", async () => {
    const fixture = newFixture();
    await fixture.send("a");
    const delivery = await fixture.receiveOne();
    const polled = fixture.source.next(1, never);
    await fixture.clock.settle();
    await Promise.all([
      expect(polled).rejects.toMatchObject({ kind: "not_found" }),
      fixture.driver.admin.drop("jobs"),
    ]);
    expect(fixture.clock.pending).toBe(0);
    await expect(fixture.settle({ kind: "ack", delivery })).rejects.toMatchObject({ kind: "not_found" });
  });

  test("a source receives from a queue that was created again after a drop", async () => {
    const fixture = newFixture();
    await fixture.send("a");
    const old = await fixture.receiveOne();
    await fixture.driver.admin.drop("jobs");
    await fixture.send("b");
    const fresh = await fixture.receiveOne();
    expect([fresh.body, fresh.brokerId === old.brokerId]).toEqual(["b", false]);
  });
});
