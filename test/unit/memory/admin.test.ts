import { describe, expect, test } from "vitest";
import { bench, bodies, counts, kinds, LEASE_MS, never, outgoing, release } from "./support.ts";

const spec = { brokerMaxDeliveries: 3, leaseMs: LEASE_MS };

describe("queues", () => {
  test("come into being on first use", async () => {
    const { driver } = bench();
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

  test("must exist where it is strict, and the error names the one that does not", async () => {
    const { driver, source } = bench({ strict: true, queues: ["other"] });
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

  test("are not counted where that was asked for", async () => {
    const bed = bench({ uncounted: ["jobs"] });
    expect((await bed.driver.describe("jobs")).countsDeliveries).toBe(false);
    await bed.send("a");
    await bed.settle(release(await bed.receiveOne()));
    expect((await bed.receiveOne()).deliveryCount).toBe(1);
  });
});

describe("ensure", () => {
  test("is idempotent: it keeps the messages and takes the new policy", async () => {
    const bed = bench();
    await bed.driver.admin.ensure("jobs", spec);
    await bed.send("a");
    await bed.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 7 });
    expect((await bed.driver.describe("jobs")).brokerMaxDeliveries).toBe(7);
    expect((await bed.driver.describe("jobs-dlq")).brokerMaxDeliveries).toBeUndefined();
    expect(bodies(await bed.receive())).toEqual(["a"]);
  });

  test("sets after how many deliveries the broker dead-letters by itself", async () => {
    const bed = bench();
    await bed.driver.admin.ensure("jobs", spec);
    await bed.send({ body: "a", attributes: { type: "t" } });
    for (let count = 1; count <= 3; count += 1) await bed.settle(release(await bed.receiveOne()));
    expect(await counts(bed)).toEqual([1, 0, 0]);
    expect(await bed.receive()).toEqual([]);
    expect(await counts(bed)).toEqual([0, 0, 0]);
    const letters = bed.driver.open("jobs-dlq", { prefetch: 1, leaseMs: LEASE_MS });
    const [letter] = await letters.next(1, never);
    expect(letter).toMatchObject({
      body: "a",
      attributes: { type: "t" },
      deliveryCount: 1,
      deadLetter: { reason: "MaxDeliveryCountExceeded" },
    });
  });

  test("lets a late ack settle nothing once the broker has moved the message", async () => {
    const bed = bench();
    await bed.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1 });
    await bed.send("a");
    const delivery = await bed.receiveOne();
    await bed.clock.advance(LEASE_MS);
    expect(await bed.receive()).toEqual([]);
    expect(kinds(await bed.settle({ kind: "ack", delivery }))).toEqual(["lease_lost"]);
    expect((await bed.driver.stats("jobs-dlq")).ready).toBe(1);
  });

  test("leaves a worn message where it is while the dead-letter queue is full", async () => {
    const bed = bench({ capacity: 1 });
    await bed.driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1 });
    await bed.driver.send("jobs-dlq", [outgoing("filler")], never);
    await bed.send("a");
    await bed.settle(release(await bed.receiveOne()));
    expect((await bed.receiveOne()).deliveryCount).toBe(2);
  });

  test("refuses a limit that is none", async () => {
    const { driver } = bench();
    await expect(driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 0 })).rejects.toMatchObject({
      kind: "permanent",
    });
  });
});

describe("drop", () => {
  test("removes the queue and its siblings, and is idempotent", async () => {
    const bed = bench({ strict: true, queues: ["jobs"] });
    await bed.send("a");
    await bed.driver.admin.drop("jobs");
    await bed.driver.admin.drop("jobs");
    for (const queue of ["jobs", "jobs-dlq", "jobs-delay"]) {
      await expect(bed.driver.stats(queue)).rejects.toMatchObject({ kind: "not_found" });
    }
    await bed.driver.admin.ensure("jobs", spec);
    expect(await counts(bed)).toEqual([0, 0, 0]);
  });

  test("rejects the polls that wait, and the settlements of what was held", async () => {
    const bed = bench();
    await bed.send("a");
    const delivery = await bed.receiveOne();
    const polled = bed.source.next(1, never);
    await bed.clock.settle();
    await Promise.all([
      expect(polled).rejects.toMatchObject({ kind: "not_found" }),
      bed.driver.admin.drop("jobs"),
    ]);
    expect(bed.clock.pending).toBe(0);
    await expect(bed.settle({ kind: "ack", delivery })).rejects.toMatchObject({ kind: "not_found" });
  });

  test("does not stop a source from receiving from the queue that takes its place", async () => {
    const bed = bench();
    await bed.send("a");
    const old = await bed.receiveOne();
    await bed.driver.admin.drop("jobs");
    await bed.send("b");
    const fresh = await bed.receiveOne();
    expect([fresh.body, fresh.brokerId === old.brokerId]).toEqual(["b", false]);
  });
});
