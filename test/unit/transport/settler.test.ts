import { describe, expect, test } from "vitest";
import type { Operation, SettleResult } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import type { Limits } from "../../../src/driver/limits.ts";
import type { Leased } from "../../../src/transport/leased.ts";
import { Settler } from "../../../src/transport/settler.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import {
  connect,
  delivery,
  driverOf,
  Events,
  limits,
  type Outcome,
  SECOND,
  sourceOf,
  times,
  watch,
} from "../support.ts";

class Fixture {
  readonly clock = new FakeClock({ start: 0 });
  readonly events = new Events();
  readonly calls: (readonly Operation[])[] = [];
  readonly settler: Settler;
  respond: (operations: readonly Operation[]) => Promise<SettleResult[]> = ok;

  constructor(given: Partial<Limits> = {}) {
    const source = sourceOf({
      settle: (operations) => {
        this.calls.push(operations);
        return this.respond(operations);
      },
    });
    const driver = driverOf({ limits: { ...limits, ...given }, open: () => source });
    const connection = connect(driver, this.clock);
    this.settler = new Settler(
      connection,
      connection.open("jobs", { prefetch: 1, leaseMs: 1 }),
      "jobs",
      this.events.add,
    );
  }

  settle(operation: Partial<Operation> = { kind: "ack" }, leaseUntil: number = 30_000): Outcome<boolean> {
    const leased: Leased = {
      delivery: delivery(),
      id: "m1",
      receivedAt: 0,
      leaseUntil,
      extending: undefined,
      onLeaseLost() {},
    };
    return watch(this.settler.settle({ ...operation, delivery: leased.delivery } as Operation, leased));
  }
}

const ok = (operations: readonly Operation[]): Promise<SettleResult[]> =>
  Promise.resolve(operations.map(() => ({ ok: true })));
const failed = (kind: ErrorKind): SettleResult => ({ ok: false, error: new DriverError(kind, "no") });
const fails = (kind: ErrorKind) => () => Promise.reject(new DriverError(kind, "no"));

test("settlements share requests, and each is confirmed on its own", async () => {
  const fixture = new Fixture();
  const outcomes = times(25, () => fixture.settle());
  await fixture.clock.settle();

  expect(fixture.calls.map((call) => call.length)).toEqual([10, 10, 5]);
  expect(outcomes.every(({ value }) => value === true)).toBe(true);
  expect(fixture.settler.pending).toBe(0);
});

test("a settlement that fails in a batch is repeated without the others", async () => {
  const fixture = new Fixture();
  fixture.respond = () => Promise.resolve([{ ok: true }, failed("transient"), { ok: true }]);
  const outcomes = times(3, () => fixture.settle());
  await fixture.clock.settle();
  expect(outcomes.map(({ value }) => value)).toEqual([true, undefined, true]);

  fixture.respond = ok;
  await fixture.clock.advance(SECOND);
  expect(outcomes[1]?.value).toBe(true);
  expect(fixture.calls.map((call) => call.length)).toEqual([3, 1]);
  expect(fixture.events.names).toEqual([]);
});

describe("a settlement that fails", () => {
  test("with a transient error is repeated until the lease ends, and then reported", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("transient");
    const outcome = fixture.settle();
    await fixture.clock.advance(60 * SECOND);

    expect(outcome.value).toBe(false);
    expect(fixture.calls.length).toBeGreaterThan(5);
    expect(fixture.events.of("settle_failed")).toMatchObject([
      { id: "m1", operation: "ack", kind: "transient" },
    ]);
    expect(fixture.clock.now()).toBeGreaterThan(30_000);
    expect(fixture.clock.pending).toBe(0);
  });

  test("with a permanent error is reported immediately", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("permanent");
    const outcome = fixture.settle();
    await fixture.clock.settle();

    expect(outcome.value).toBe(false);
    expect(fixture.events.names).toEqual(["settle_failed"]);
    expect(fixture.calls).toHaveLength(1);
  });

  test("because the lease is lost is reported as a lost lease", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("lease_lost");
    const outcome = fixture.settle();
    await fixture.clock.settle();

    expect(outcome.value).toBe(false);
    expect(fixture.events.names).toEqual(["lease_lost"]);
  });

  test("without a result in the answer is repeated", async () => {
    const fixture = new Fixture();
    fixture.respond = () => Promise.resolve([]);
    const outcome = fixture.settle();
    await fixture.clock.settle();
    fixture.respond = ok;
    await fixture.clock.advance(SECOND);

    expect(outcome.value).toBe(true);
  });

  test("with an auth error is repeated for some seconds, since credentials may be renewed", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("auth");
    const acked = fixture.settle();
    await fixture.clock.advance(SECOND);
    fixture.respond = ok;
    await fixture.clock.advance(2 * SECOND);
    expect(acked.value).toBe(true);

    fixture.respond = fails("auth");
    const denied = fixture.settle({ kind: "ack" }, 300_000);
    await fixture.clock.advance(20 * SECOND);
    expect(denied.value).toBe(false);
    expect(fixture.events.of("settle_failed")).toMatchObject([{ kind: "auth" }]);
  });
});

describe("a settlement whose answer is lost", () => {
  test("is repeated if it is an acknowledgement", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("ambiguous");
    const outcome = fixture.settle();
    await fixture.clock.settle();
    fixture.respond = ok;
    await fixture.clock.advance(SECOND);

    expect(outcome.value).toBe(true);
  });

  test("is repeated if it is a release with a delay, but not one without, since another receiver may hold the message", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("ambiguous");
    const later = fixture.settle({ kind: "release", delayMs: 5_000 });
    const now = fixture.settle({ kind: "release", delayMs: 0 });
    await fixture.clock.settle();
    fixture.respond = ok;
    await fixture.clock.advance(SECOND);

    expect([later.value, now.value]).toEqual([true, false]);
    expect(fixture.calls.map((call) => call.length)).toEqual([2, 1]);
  });

  test("is not repeated after the delay of a release, since the message may be visible again", async () => {
    const fixture = new Fixture();
    fixture.respond = async () => {
      await fixture.clock.advance(4_950);
      return [failed("ambiguous")];
    };
    const released = fixture.settle({ kind: "release", delayMs: 5_000 });
    await fixture.clock.settle();
    await fixture.clock.settle();

    expect(released.value).toBe(false);
    expect(fixture.events.of("settle_failed")).toMatchObject([{ kind: "ambiguous" }]);
  });

  test("is repeated only within the delay of a release, counted from the first lost answer", async () => {
    const fixture = new Fixture();
    fixture.respond = fails("ambiguous");
    const released = fixture.settle({ kind: "release", delayMs: 1_000 }, 300_000);
    await fixture.clock.advance(60 * SECOND);

    expect(released.value).toBe(false);
    expect(fixture.calls.length).toBeLessThanOrEqual(4);
  });

  test("delays no other settlement, and is repeated while the lease lasts", async () => {
    const fixture = new Fixture();
    fixture.respond = () => new Promise(() => {});
    const unanswered = fixture.settle();
    await fixture.clock.settle();
    fixture.respond = ok;
    const next = fixture.settle();
    await fixture.clock.advance(15 * SECOND);

    expect([unanswered.value, next.value]).toEqual([true, true]);
  });
});

test("an acknowledgement waits for the linger time so that others can share its request", async () => {
  const fixture = new Fixture({ settleLingerMs: 5 });
  fixture.settle();
  await fixture.clock.advance(4);
  fixture.settle();
  expect(fixture.calls).toEqual([]);

  await fixture.clock.advance(1);
  expect(fixture.calls.map((call) => call.length)).toEqual([2]);
});

test("an acknowledgement waits for a request in flight only if the provider settles in batches", async () => {
  for (const settlesTogether of [true, false]) {
    const fixture = new Fixture({ settlesTogether });
    fixture.respond = () => new Promise(() => {});
    fixture.settle();
    await fixture.clock.settle();
    fixture.settle();
    await fixture.clock.settle();

    expect(fixture.calls).toHaveLength(settlesTogether ? 1 : 2);
  }
});

test("flush resolves when the last settlement is confirmed or given up", async () => {
  const fixture = new Fixture();
  await fixture.settler.flush();

  fixture.respond = fails("transient");
  fixture.settle({ kind: "ack" }, 5_000);
  const flushed = watch(fixture.settler.flush());
  await fixture.clock.advance(100);
  expect(flushed.state).toBe("pending");

  await fixture.clock.advance(5 * SECOND);
  expect(flushed.state).toBe("resolved");
});
