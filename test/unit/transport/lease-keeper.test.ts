import { describe, expect, test } from "vitest";
import type { Operation, SettleResult } from "../../../src/driver/contract.ts";
import { DriverError } from "../../../src/driver/error.ts";
import type { Limits } from "../../../src/driver/limits.ts";
import { LeaseKeeper } from "../../../src/transport/lease-keeper.ts";
import type { Leased } from "../../../src/transport/leased.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { delivery, limits, SECOND, sourceOf, times, watch } from "../support.ts";

type Extension = Operation & { readonly kind: "extend" };

class Fixture {
  readonly clock = new FakeClock({ start: 0 });
  readonly requests: { at: number; leases: number[] }[] = [];
  readonly lost: string[] = [];
  readonly keeper: LeaseKeeper;
  respond: (operations: readonly Extension[]) => Promise<SettleResult[]>;

  constructor(given: Partial<Limits> = {}) {
    this.respond = (operations) =>
      Promise.resolve(
        operations.map(({ leaseMs }) => ({ ok: true, leaseUntil: this.clock.now() + leaseMs })),
      );
    const source = sourceOf({
      settle: (operations) => {
        const extensions = operations as readonly Extension[];
        this.requests.push({ at: this.clock.now(), leases: extensions.map(({ leaseMs }) => leaseMs) });
        return this.respond(extensions);
      },
    });
    this.keeper = new LeaseKeeper(source, {
      clock: this.clock,
      limits: { ...limits, ...given },
      leaseMs: 30_000,
      extendEveryMs: 10_000,
    });
  }

  hold(id: string = "m1", leaseMs: number = 30_000): Leased {
    const now = this.clock.monotonic();
    const leased: Leased = {
      delivery: delivery(),
      id,
      receivedAt: now,
      leaseUntil: now + leaseMs,
      extending: undefined,
      onLeaseLost: () => this.lost.push(id),
    };
    this.keeper.add(leased);
    return leased;
  }
}

const fails = (kind: "lease_lost" | "transient") => () => Promise.reject(new DriverError(kind, "no"));

describe("a lease that is held", () => {
  test("is extended each time a third of it has passed, until it is removed", async () => {
    const fixture = new Fixture();
    const leased = fixture.hold();
    await fixture.clock.advance(60 * SECOND);
    expect(fixture.requests.map(({ at }) => at)).toEqual([10, 20, 30, 40, 50, 60].map((at) => at * SECOND));
    expect(leased.leaseUntil - fixture.clock.monotonic()).toBe(30 * SECOND);

    fixture.keeper.remove(leased);
    await fixture.clock.advance(60 * SECOND);
    expect(fixture.requests).toHaveLength(6);
    expect(fixture.clock.pending).toBe(0);
    expect(fixture.lost).toEqual([]);
  });

  test("is extended with others in requests as large as the provider allows", async () => {
    const fixture = new Fixture();
    for (const index of times(23, String)) fixture.hold(index);
    expect(fixture.clock.pending).toBe(1);

    await fixture.clock.advance(10 * SECOND);
    expect(fixture.requests.map(({ leases }) => leases.length)).toEqual([10, 10, 3]);
  });

  test("is extended before it ends if it is added with little time left", async () => {
    const fixture = new Fixture();
    fixture.hold("early");
    await fixture.clock.advance(SECOND);
    fixture.hold("late", 500);
    await fixture.clock.advance(400);
    expect(fixture.requests).toEqual([{ at: 1_000, leases: [30_000] }]);

    await fixture.clock.advance(60 * SECOND);
    expect(fixture.lost).toEqual([]);
  });
});

test.each([-600, 600])("a lease is extended on time if the time of day is set by %d s", async (seconds) => {
  const fixture = new Fixture();
  const startedAt = fixture.clock.monotonic();
  const leased = fixture.hold();
  await fixture.clock.advance(9 * SECOND);
  fixture.clock.setTime(fixture.clock.now() + seconds * SECOND);
  await fixture.clock.advance(21 * SECOND);
  expect(fixture.requests).toHaveLength(3);
  expect(leased.leaseUntil).toBe(startedAt + 60 * SECOND);
  expect(fixture.lost).toEqual([]);
});

test("a lease counts from its request if the time of day is set back before the answer arrives", async () => {
  const fixture = new Fixture();
  const leased = fixture.hold();
  fixture.respond = async (operations) => {
    const leaseUntil = fixture.clock.now() + 30 * SECOND;
    fixture.clock.setTime(fixture.clock.now() - 600 * SECOND);
    return operations.map(() => ({ ok: true, leaseUntil }));
  };
  await fixture.clock.advance(10 * SECOND);
  expect(leased.leaseUntil - fixture.clock.monotonic()).toBe(30 * SECOND);
});

describe("the loss of a lease", () => {
  test("is reported once, as soon as the provider reports it", async () => {
    const fixture = new Fixture();
    fixture.hold();
    fixture.respond = fails("lease_lost");
    await fixture.clock.advance(10 * SECOND);
    expect(fixture.lost).toEqual(["m1"]);

    await fixture.clock.advance(60 * SECOND);
    expect(fixture.lost).toEqual(["m1"]);
    expect(fixture.requests).toHaveLength(1);
  });

  test("is not reported while another extension may keep it", async () => {
    const fixture = new Fixture();
    fixture.hold();
    const { respond } = fixture;
    fixture.respond = fails("transient");
    await fixture.clock.advance(20 * SECOND);
    fixture.respond = respond;
    await fixture.clock.advance(60 * SECOND);

    expect(fixture.lost).toEqual([]);
  });

  test("is reported when it ends without an extension, even if the provider does not answer", async () => {
    for (const respond of [fails("transient"), () => new Promise<SettleResult[]>(() => {})]) {
      const fixture = new Fixture();
      fixture.hold();
      fixture.respond = respond;
      await fixture.clock.advance(29_999);
      expect(fixture.lost).toEqual([]);

      await fixture.clock.advance(1);
      expect(fixture.lost).toEqual(["m1"]);
    }
  });

  test("prevents the extension of a lease that its callback removes", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("transient");
    const head = fixture.hold("head", 10_000);
    const behind = fixture.hold("behind");
    head.onLeaseLost = () => void fixture.keeper.remove(behind);
    await fixture.clock.advance(10 * SECOND);

    expect(fixture.requests.map(({ at }) => at)).toEqual([5_000]);
  });

  test("is not reported if an extension without a result is followed by one that succeeds", async () => {
    const fixture = new Fixture();
    fixture.hold();
    const { respond } = fixture;
    fixture.respond = () => Promise.resolve([]);
    await fixture.clock.advance(10 * SECOND);
    fixture.respond = respond;
    await fixture.clock.advance(30 * SECOND);

    expect(fixture.lost).toEqual([]);
  });
});

test("a lease is extended up to the longest time that the provider allows, and is then lost", async () => {
  const fixture = new Fixture({ maxTotalLeaseMs: 45_000 });
  fixture.hold();
  await fixture.clock.advance(100 * SECOND);
  const ends = fixture.requests.flatMap(({ at, leases }) => leases.map((lease) => at + lease));

  expect(Math.max(...ends)).toBe(45_000);
  expect(fixture.lost).toEqual(["m1"]);
});

describe("an extension on request", () => {
  test("is made immediately, and rejects if it fails", async () => {
    const fixture = new Fixture();
    const leased = fixture.hold();
    await fixture.clock.advance(3 * SECOND);
    await fixture.keeper.extend(leased);
    expect(leased.leaseUntil - fixture.clock.monotonic()).toBe(30 * SECOND);

    fixture.respond = fails("transient");
    await expect(fixture.keeper.extend(leased)).rejects.toMatchObject({ kind: "transient" });
  });

  test("is refused if the lease is no longer held, since it would hide the message from other receivers", async () => {
    const fixture = new Fixture();
    const leased = fixture.hold();
    fixture.keeper.remove(leased);

    await expect(fixture.keeper.extend(leased)).rejects.toMatchObject({ kind: "lease_lost" });
    expect(fixture.requests).toEqual([]);
  });

  test("waits for the one in flight, so that a lease has at most one extension in flight", async () => {
    const fixture = new Fixture();
    const leased = fixture.hold();
    const answers: (() => void)[] = [];
    fixture.respond = (operations) =>
      new Promise((resolve) => answers.push(() => resolve(operations.map(() => ({ ok: true })))));
    const both = [watch(fixture.keeper.extend(leased)), watch(fixture.keeper.extend(leased))];
    await fixture.clock.settle();
    expect(answers).toHaveLength(1);

    answers[0]?.();
    await fixture.clock.settle();
    expect(both.map(({ state }) => state)).toEqual(["resolved", "pending"]);
    expect(leased.extending).toBeDefined();

    answers[1]?.();
    await fixture.clock.settle();
    expect(both[1]?.state).toBe("resolved");
    expect(leased.extending).toBeUndefined();
  });
});

test("stop leaves no timer behind, and reports no lease as lost", async () => {
  const fixture = new Fixture();
  fixture.hold();
  fixture.keeper.stop();
  await fixture.clock.advance(100 * SECOND);

  expect({ pending: fixture.clock.pending, lost: fixture.lost, requests: fixture.requests }).toEqual({
    pending: 0,
    lost: [],
    requests: [],
  });
});
