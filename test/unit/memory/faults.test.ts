import { describe, expect, test } from "vitest";
import type { Fault, FaultPoint, Faults } from "../../../adapters/memory/index.ts";
import { DriverError } from "../../../src/driver/index.ts";
import { ack, bench, bodies, counts, kinds, LEASE_MS, never, outgoing } from "./support.ts";

/** Answers requests of one operation with these faults, one each; then lets all pass. */
function faultsOn(operation: FaultPoint["operation"], ...queued: Fault[]): Faults & { seen: FaultPoint[] } {
  const seen: FaultPoint[] = [];
  return {
    seen,
    before(point) {
      if (point.operation !== operation) return undefined;
      seen.push(point);
      return queued.shift();
    },
  };
}

function stall(): { readonly fault: Fault; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { fault: { kind: "stall", until: promise }, end: resolve };
}

const down = new DriverError("transient", "down");
const lost: Fault = { kind: "lose_response" };

describe("a request that fails", () => {
  test("has no effect", async () => {
    const faults = faultsOn("send", { kind: "error", error: down });
    const bed = bench({ faults });
    await expect(bed.send("a")).rejects.toBe(down);
    expect(bed.driver.classify(down)).toBe("transient");
    expect(bed.driver.classify(new Error("other"))).toBe("permanent");
    expect(await counts(bed)).toEqual([0, 0, 0]);
    expect(kinds(await bed.send("b"))).toEqual(["ok"]);
    expect(faults.seen[0]).toEqual({ operation: "send", queue: "jobs", messages: [outgoing("a")] });
  });

  test("may be chosen asynchronously, for receives and settlements too", async () => {
    const faults: Faults = {
      before: async ({ operation }) => (operation === "send" ? undefined : { kind: "error", error: down }),
    };
    const bed = bench({ faults });
    await bed.send("a");
    await expect(bed.source.next(1, never)).rejects.toBe(down);
    await expect(bed.settle()).rejects.toBe(down);
    expect(await counts(bed)).toEqual([1, 0, 0]);
  });
});

describe("a lost response", () => {
  test("to a send: the messages are stored", async () => {
    const bed = bench({ faults: faultsOn("send", lost) });
    await expect(bed.send("a", "b")).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(bed)).toEqual([2, 0, 0]);
  });

  test("to a receive: the messages are leased, and counted, by nobody who knows", async () => {
    const bed = bench({ faults: faultsOn("receive", lost) });
    await bed.send("a");
    await expect(bed.source.next(1, never)).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(bed)).toEqual([0, 1, 0]);
    await bed.clock.advance(LEASE_MS);
    expect((await bed.receiveOne()).deliveryCount).toBe(2);
  });

  test("to a settlement: it was carried out", async () => {
    const bed = bench({ faults: faultsOn("settle", lost) });
    await bed.send("a");
    const delivery = await bed.receiveOne();
    await expect(bed.settle(ack(delivery))).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(bed)).toEqual([0, 0, 0]);
    expect(kinds(await bed.settle(ack(delivery)))).toEqual(["ok"]);
  });
});

describe("entries that fail", () => {
  test("of a send: the others are stored", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [0, 2], error: down };
    const bed = bench({ faults: faultsOn("send", fault) });
    expect(kinds(await bed.send("a", "b", "c", "d"))).toEqual(["transient", "ok", "transient", "ok"]);
    expect(bodies(await bed.receive())).toEqual(["b", "d"]);
  });

  test("of a settlement: the others are carried out", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [1], error: down };
    const bed = bench({ faults: faultsOn("settle", fault) });
    await bed.send("a", "b");
    const deliveries = await bed.receive();
    expect(kinds(await bed.settle(...deliveries.map(ack)))).toEqual(["ok", "transient"]);
    expect(await counts(bed)).toEqual([0, 1, 0]);
  });

  test("are not of a receive", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [0], error: down };
    const bed = bench({ faults: faultsOn("receive", fault) });
    await expect(bed.source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
  });
});

describe("a stalled request", () => {
  test("takes effect when it arrives, though its sender has stopped waiting", async () => {
    const { fault, end } = stall();
    const bed = bench({ faults: faultsOn("send", fault) });
    const giveUp = new AbortController();
    const messages = [outgoing("a")];
    const sent = bed.driver.send("jobs", messages, giveUp.signal);
    await bed.clock.settle();
    giveUp.abort();
    await expect(sent).rejects.toMatchObject({ kind: "ambiguous" });
    messages.pop();
    expect(await counts(bed)).toEqual([0, 0, 0]);
    end();
    await bed.clock.settle();
    expect(await counts(bed)).toEqual([1, 0, 0]);
    await expect(bed.driver.send("jobs", [outgoing("b")], giveUp.signal)).rejects.toMatchObject({
      kind: "ambiguous",
    });
  });

  test("that receives: what arrives when nobody waits is kept for the next poll", async () => {
    const { fault, end } = stall();
    const bed = bench({ prefetch: 2, faults: faultsOn("receive", fault) });
    await bed.send("a", "b");
    const giveUp = new AbortController();
    const polled = bed.source.next(2, giveUp.signal);
    await bed.clock.settle();
    giveUp.abort();
    expect(await polled).toEqual([]);
    end();
    await bed.clock.settle();
    expect(await counts(bed)).toEqual([0, 2, 0]);
    expect(bodies(await bed.source.next(1, never))).toEqual(["a"]);
    expect(bodies(await bed.source.next(1, never))).toEqual(["b"]);
  });

  test("that receives is waited for by stop, which hands back what arrived", async () => {
    const { fault, end } = stall();
    const bed = bench({ faults: faultsOn("receive", fault) });
    await bed.send("a");
    const polled = bed.source.next(1, never);
    await bed.clock.settle();
    let isStopped = false;
    const stopped = bed.source.stop().then((late) => {
      isStopped = true;
      return late;
    });
    await bed.clock.settle();
    expect(isStopped).toBe(false);
    end();
    const late = await stopped;
    expect(bodies(late)).toEqual(["a"]);
    expect(await polled).toEqual([]);
    expect(kinds(await bed.settle({ kind: "release", delivery: late[0]!, delayMs: 0 }))).toEqual(["ok"]);
    expect(await counts(bed)).toEqual([1, 0, 0]);
  });

  test("that receives is not handed out once its leases have ended", async () => {
    const { fault, end } = stall();
    const bed = bench({ faults: faultsOn("receive", fault) });
    await bed.send("a");
    const giveUp = new AbortController();
    const polled = bed.source.next(1, giveUp.signal);
    giveUp.abort();
    expect(await polled).toEqual([]);
    end();
    await bed.clock.advance(LEASE_MS);
    expect(await bed.source.stop()).toEqual([]);
  });

  test("goes on waiting for messages once it has arrived", async () => {
    const { fault, end } = stall();
    const bed = bench({ faults: faultsOn("receive", fault) });
    const polled = bed.source.next(1, never);
    end();
    await bed.clock.advance(1_000);
    await bed.send("a");
    expect(bodies(await polled)).toEqual(["a"]);
    expect(bed.clock.pending).toBe(0);
  });
});
