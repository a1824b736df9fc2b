import { describe, expect, test } from "vitest";
import type { Delivery } from "../../../src/driver/contract.ts";
import { DriverError, type ErrorKind } from "../../../src/driver/error.ts";
import { Poller } from "../../../src/transport/poller.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { connect, delivery, driverOf, Events, SECOND, sourceOf, times } from "../support.ts";

interface Poll {
  readonly max: number;
  readonly at: number;
  readonly signal: AbortSignal;
  readonly answer: (deliveries?: Delivery[]) => Promise<void>;
  readonly fail: (kind: ErrorKind) => Promise<void>;
}

/** A poller whose polls are answered by the test. */
class Fixture {
  readonly clock = new FakeClock({ start: 0 });
  readonly events = new Events();
  readonly polls: Poll[] = [];
  readonly delivered: Delivery[] = [];
  readonly failures: DriverError[] = [];
  readonly poller: Poller;
  free = 10;

  constructor() {
    const source = sourceOf({
      next: (max, signal) =>
        new Promise((resolve, reject) => {
          // A poll that is aborted ends without messages.
          signal.addEventListener("abort", () => resolve([]));
          this.polls.push({
            max,
            at: this.clock.now(),
            signal,
            answer: (deliveries = []) => {
              resolve(deliveries);
              return this.clock.settle();
            },
            fail: (kind) => {
              reject(new DriverError(kind, "no"));
              return this.clock.settle();
            },
          });
        }),
      stop: () => Promise.resolve([delivery({ brokerId: "late" })]),
    });
    this.poller = new Poller(connect(driverOf({}), this.clock), source, {
      queue: "jobs",
      capacity: this,
      deliver: (deliveries) => {
        this.delivered.push(...deliveries);
        this.free -= deliveries.length;
      },
      report: this.events.add,
      failed: (error) => this.failures.push(error),
    });
  }

  async pull(): Promise<void> {
    this.poller.wake();
    await this.clock.settle();
  }

  get last(): Poll {
    return this.polls.at(-1) as Poll;
  }
}

const some = (count: number): Delivery[] => times(count, (index) => delivery({ brokerId: String(index) }));

describe("a poller", () => {
  test("asks for as many messages as there is room for", async () => {
    const fixture = new Fixture();
    fixture.free = 4;
    await fixture.pull();
    await fixture.pull();
    expect(fixture.polls.map(({ max }) => max)).toEqual([4]);

    await fixture.last.answer(some(3));
    expect(fixture.delivered).toHaveLength(3);
    expect(fixture.polls.map(({ max }) => max)).toEqual([4, 1]);
  });

  test("asks for nothing while there is no room, and polls when there is room again", async () => {
    const fixture = new Fixture();
    fixture.free = 0;
    await fixture.pull();
    expect(fixture.polls).toEqual([]);

    fixture.free = 1;
    await fixture.pull();
    expect(fixture.polls).toHaveLength(1);
  });

  test("runs several polls while polls return full, and one poll when they do not", async () => {
    const fixture = new Fixture();
    fixture.free = 1_000;
    await fixture.pull();
    await fixture.last.answer(some(10));
    expect(fixture.polls).toHaveLength(3);

    await fixture.last.answer(some(10));
    expect(fixture.polls).toHaveLength(5);

    await fixture.clock.advance(SECOND);
    for (const poll of fixture.polls.slice(1)) await poll.answer();
    await fixture.clock.advance(2 * SECOND);
    const open = fixture.polls.filter(({ at }) => at > 1_000);
    expect(open.length).toBeLessThanOrEqual(1);
  });
});

describe("empty polls that return immediately", () => {
  test("are spaced out, by a second at most", async () => {
    const fixture = new Fixture();
    await fixture.pull();
    for (let poll = 0; poll < 12; poll += 1) {
      await fixture.last.answer();
      await fixture.clock.advance(SECOND);
    }

    const gaps = fixture.polls.map(({ at }, index) => at - (fixture.polls[index - 1]?.at ?? 0));
    expect(Math.max(...gaps)).toBe(SECOND);
    expect(fixture.polls).toHaveLength(13);
  });
});

describe("a poll that fails", () => {
  test.each<[ErrorKind, number]>([
    ["throttled", 15_000],
    // A short limit, since a network may be back at any moment.
    ["transient", 1_000],
    ["ambiguous", 1_000],
  ])(
    "with a %s error is reported and repeated after a growing wait of at most %i ms",
    async (kind, mostMs) => {
      const fixture = new Fixture();
      await fixture.pull();
      for (let failure = 0; failure < 12; failure += 1) {
        await fixture.last.fail(kind);
        await fixture.clock.advance(30 * SECOND);
      }

      const waits = fixture.events.of("poll_failed").map(({ retryInMs }) => retryInMs);
      expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
      expect(waits.at(-1)).toBe(mostMs);
      expect(fixture.polls).toHaveLength(13);
      expect(fixture.failures).toEqual([]);
    },
  );

  test.each<ErrorKind>(["not_found", "auth", "permanent"])(
    "with a %s error ends the receiver if it is the first poll",
    async (kind) => {
      const fixture = new Fixture();
      await fixture.pull();
      await fixture.last.fail(kind);
      await fixture.clock.advance(60 * SECOND);

      expect(fixture.failures).toMatchObject([{ kind }]);
      expect(fixture.polls).toHaveLength(1);
    },
  );

  test("does not end the receiver if an earlier poll succeeded", async () => {
    const fixture = new Fixture();
    await fixture.pull();
    await fixture.clock.advance(SECOND);
    await fixture.last.answer();
    await fixture.last.fail("auth");
    await fixture.clock.advance(30 * SECOND);

    expect(fixture.failures).toEqual([]);
    expect(fixture.polls).toHaveLength(3);
  });
});

test("a poll that does not answer is replaced and reported", async () => {
  const fixture = new Fixture();
  await fixture.pull();
  await fixture.clock.advance(34_999);
  expect(fixture.polls).toHaveLength(1);

  await fixture.clock.advance(1);
  expect(fixture.events.of("warning")).toMatchObject([{ code: "poll_stalled" }]);
  expect(fixture.polls).toHaveLength(2);
  expect(fixture.polls[0]?.signal.aborted).toBe(true);
  expect(fixture.events.of("polled")).toEqual([]);
});

test("stop aborts the poll, returns the late messages, and prevents further polls", async () => {
  const fixture = new Fixture();
  await fixture.pull();
  const late = await fixture.poller.stop();
  expect(late.map(({ brokerId }) => brokerId)).toEqual(["late"]);
  expect(fixture.last.signal.aborted).toBe(true);

  await fixture.pull();
  await fixture.clock.advance(60 * SECOND);
  expect(fixture.polls).toHaveLength(1);
  expect(fixture.clock.pending).toBe(0);
});

test("messages that a poll returns during the stop are delivered", async () => {
  const fixture = new Fixture();
  await fixture.pull();
  const answered = fixture.last.answer(some(2));
  await fixture.poller.stop();
  await answered;

  expect(fixture.delivered).toHaveLength(2);
});
