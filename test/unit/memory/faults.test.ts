import { describe, expect, test } from "vitest";
import type { Fault, FaultPoint, Faults } from "../../../adapters/memory/index.ts";
import { DriverError } from "../../../src/driver/index.ts";
import { ack, newFixture, bodies, counts, kinds, LEASE_MS, never, outgoing } from "./support.ts";

/** Gives each of these faults to one request of an operation, in order. Later requests have none. */
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
  test("a request that fails has no effect", async () => {
    const faults = faultsOn("send", { kind: "error", error: down });
    const fixture = newFixture({ faults });
    await expect(fixture.send("a")).rejects.toBe(down);
    expect(fixture.driver.classify(down)).toBe("transient");
    expect(fixture.driver.classify(new Error("other"))).toBe("permanent");
    expect(await counts(fixture)).toEqual([0, 0, 0]);
    expect(kinds(await fixture.send("b"))).toEqual(["ok"]);
    expect(faults.seen[0]).toEqual({ operation: "send", queue: "jobs", messages: [outgoing("a")] });
  });

  test("a fault of a receive or a settlement can be chosen asynchronously", async () => {
    const faults: Faults = {
      before: async ({ operation }) => (operation === "send" ? undefined : { kind: "error", error: down }),
    };
    const fixture = newFixture({ faults });
    await fixture.send("a");
    await expect(fixture.source.next(1, never)).rejects.toBe(down);
    await expect(fixture.settle()).rejects.toBe(down);
    expect(await counts(fixture)).toEqual([1, 0, 0]);
  });
});

describe("a lost response", () => {
  test("the messages of a send whose response is lost are stored", async () => {
    const fixture = newFixture({ faults: faultsOn("send", lost) });
    await expect(fixture.send("a", "b")).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(fixture)).toEqual([2, 0, 0]);
  });

  test("the messages of a receive whose response is lost are leased and counted, and are redelivered after the lease", async () => {
    const fixture = newFixture({ faults: faultsOn("receive", lost) });
    await fixture.send("a");
    await expect(fixture.source.next(1, never)).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(fixture)).toEqual([0, 1, 0]);
    await fixture.clock.advance(LEASE_MS);
    expect((await fixture.receiveOne()).deliveryCount).toBe(2);
  });

  test("a settlement whose response is lost is carried out", async () => {
    const fixture = newFixture({ faults: faultsOn("settle", lost) });
    await fixture.send("a");
    const delivery = await fixture.receiveOne();
    await expect(fixture.settle(ack(delivery))).rejects.toMatchObject({ kind: "ambiguous" });
    expect(await counts(fixture)).toEqual([0, 0, 0]);
    expect(kinds(await fixture.settle(ack(delivery)))).toEqual(["ok"]);
  });
});

describe("entries that fail", () => {
  test("the other messages of a send with entries that fail are stored", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [0, 2], error: down };
    const fixture = newFixture({ faults: faultsOn("send", fault) });
    expect(kinds(await fixture.send("a", "b", "c", "d"))).toEqual(["transient", "ok", "transient", "ok"]);
    expect(bodies(await fixture.receive())).toEqual(["b", "d"]);
  });

  test("the other operations of a settlement with entries that fail are carried out", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [1], error: down };
    const fixture = newFixture({ faults: faultsOn("settle", fault) });
    await fixture.send("a", "b");
    const deliveries = await fixture.receive();
    expect(kinds(await fixture.settle(...deliveries.map(ack)))).toEqual(["ok", "transient"]);
    expect(await counts(fixture)).toEqual([0, 1, 0]);
  });

  test("a receive with a fault for entries fails, since it has no entries", async () => {
    const fault: Fault = { kind: "fail_entries", indexes: [0], error: down };
    const fixture = newFixture({ faults: faultsOn("receive", fault) });
    await expect(fixture.source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
  });
});

describe("a blocked request", () => {
  test("a blocked send takes effect when it arrives, although its caller was aborted", async () => {
    const { fault, end } = stall();
    const fixture = newFixture({ faults: faultsOn("send", fault) });
    const giveUp = new AbortController();
    const messages = [outgoing("a")];
    const sent = fixture.driver.send("jobs", messages, giveUp.signal);
    await fixture.clock.settle();
    giveUp.abort();
    await expect(sent).rejects.toMatchObject({ kind: "ambiguous" });
    messages.pop();
    expect(await counts(fixture)).toEqual([0, 0, 0]);
    end();
    await fixture.clock.settle();
    expect(await counts(fixture)).toEqual([1, 0, 0]);
    await expect(fixture.driver.send("jobs", [outgoing("b")], giveUp.signal)).rejects.toMatchObject({
      kind: "ambiguous",
    });
  });

  test("messages of a blocked receive whose call was aborted are kept for the next poll", async () => {
    const { fault, end } = stall();
    const fixture = newFixture({ prefetch: 2, faults: faultsOn("receive", fault) });
    await fixture.send("a", "b");
    const giveUp = new AbortController();
    const polled = fixture.source.next(2, giveUp.signal);
    await fixture.clock.settle();
    giveUp.abort();
    expect(await polled).toEqual([]);
    end();
    await fixture.clock.settle();
    expect(await counts(fixture)).toEqual([0, 2, 0]);
    expect(bodies(await fixture.source.next(1, never))).toEqual(["a"]);
    expect(bodies(await fixture.source.next(1, never))).toEqual(["b"]);
  });

  test("stop waits for a blocked receive and returns its messages", async () => {
    const { fault, end } = stall();
    const fixture = newFixture({ faults: faultsOn("receive", fault) });
    await fixture.send("a");
    const polled = fixture.source.next(1, never);
    await fixture.clock.settle();
    let isStopped = false;
    const stopped = fixture.source.stop().then((late) => {
      isStopped = true;
      return late;
    });
    await fixture.clock.settle();
    expect(isStopped).toBe(false);
    end();
    const late = await stopped;
    expect(bodies(late)).toEqual(["a"]);
    expect(await polled).toEqual([]);
    expect(kinds(await fixture.settle({ kind: "release", delivery: late[0]!, delayMs: 0 }))).toEqual(["ok"]);
    expect(await counts(fixture)).toEqual([1, 0, 0]);
  });

  test("messages of a blocked receive whose leases have ended are not handed out", async () => {
    const { fault, end } = stall();
    const fixture = newFixture({ faults: faultsOn("receive", fault) });
    await fixture.send("a");
    const giveUp = new AbortController();
    const polled = fixture.source.next(1, giveUp.signal);
    giveUp.abort();
    expect(await polled).toEqual([]);
    end();
    await fixture.clock.advance(LEASE_MS);
    expect(await fixture.source.stop()).toEqual([]);
  });

  test("a blocked receive waits for messages once it has arrived", async () => {
    const { fault, end } = stall();
    const fixture = newFixture({ faults: faultsOn("receive", fault) });
    const polled = fixture.source.next(1, never);
    end();
    await fixture.clock.advance(1_000);
    await fixture.send("a");
    expect(bodies(await polled)).toEqual(["a"]);
    expect(fixture.clock.pending).toBe(0);
  });
});
