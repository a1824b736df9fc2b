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

/** An intake whose polls are answered by the test. */
class Fixture {
  readonly clock = new FakeClock({ start: 0 });
  readonly events = new Events();
  readonly polls: Poll[] = [];
  readonly delivered: Delivery[] = [];
  readonly failures: DriverError[] = [];
  readonly intake: Poller;
  free = 10;

  constructor() {
    const source = sourceOf({
      next: (max, signal) =>
        new Promise((resolve, reject) => {
          // A stalled request is not waited for, but it goes on.
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
    this.intake = new Poller(connect(driverOf({}), this.clock), source, {
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
    this.intake.wake();
    await this.clock.settle();
  }

  get last(): Poll {
    return this.polls.at(-1) as Poll;
  }
}

const some = (count: number): Delivery[] => times(count, (index) => delivery({ brokerId: String(index) }));

describe("demand", () => {
  test("asks for what is free, and never for more", async () => {
    const fixture = new Fixture();
    fixture.free = 4;
    await fixture.pull();
    await fixture.pull();
    expect(fixture.polls.map(({ max }) => max)).toEqual([4]);

    await fixture.last.answer(some(3));
    expect(fixture.delivered).toHaveLength(3);
    expect(fixture.polls.map(({ max }) => max)).toEqual([4, 1]);
  });

  test("asks for nothing where nothing is free, and again when something is", async () => {
    const fixture = new Fixture();
    fixture.free = 0;
    await fixture.pull();
    expect(fixture.polls).toEqual([]);

    fixture.free = 1;
    await fixture.pull();
    expect(fixture.polls).toHaveLength(1);
  });

  test("polls side by side while polls come back full, and goes back to one when they do not", async () => {
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

describe("polls that end at once and bring nothing", () => {
  test("are spaced out, up to a second", async () => {
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

describe("errors", () => {
  test.each<[ErrorKind, number]>([
    ["throttled", 15_000],
    // A network may be back at any moment.
    ["transient", 1_000],
    ["ambiguous", 1_000],
  ])("are waited out, longer each time, and reported: %s, up to %i ms", async (kind, mostMs) => {
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
  });

  test.each<ErrorKind>(["not_found", "auth", "permanent"])("%s on the first poll ends it", async (kind) => {
    const fixture = new Fixture();
    await fixture.pull();
    await fixture.last.fail(kind);
    await fixture.clock.advance(60 * SECOND);

    expect(fixture.failures).toMatchObject([{ kind }]);
    expect(fixture.polls).toHaveLength(1);
  });

  test("none ends it after a poll that went well", async () => {
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

test("a poll that does not answer is replaced, and said to be", async () => {
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

test("stop ends the waiting, hands back what was late, and nothing is fetched any more", async () => {
  const fixture = new Fixture();
  await fixture.pull();
  const late = await fixture.intake.stop();
  expect(late.map(({ brokerId }) => brokerId)).toEqual(["late"]);
  expect(fixture.last.signal.aborted).toBe(true);

  await fixture.pull();
  await fixture.clock.advance(60 * SECOND);
  expect(fixture.polls).toHaveLength(1);
  expect(fixture.clock.pending).toBe(0);
});

test("what a poll brings in the moment of the stop is delivered, not dropped", async () => {
  const fixture = new Fixture();
  await fixture.pull();
  const answered = fixture.last.answer(some(2));
  await fixture.intake.stop();
  await answered;

  expect(fixture.delivered).toHaveLength(2);
});
