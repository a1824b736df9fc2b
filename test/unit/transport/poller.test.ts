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
    const bench = new Fixture();
    bench.free = 4;
    await bench.pull();
    await bench.pull();
    expect(bench.polls.map(({ max }) => max)).toEqual([4]);
    await bench.last.answer(some(3));
    expect(bench.delivered).toHaveLength(3);
    expect(bench.polls.map(({ max }) => max)).toEqual([4, 1]);
  });

  test("asks for nothing where nothing is free, and again when something is", async () => {
    const bench = new Fixture();
    bench.free = 0;
    await bench.pull();
    expect(bench.polls).toEqual([]);
    bench.free = 1;
    await bench.pull();
    expect(bench.polls).toHaveLength(1);
  });

  test("polls side by side while polls come back full, and goes back to one when they do not", async () => {
    const bench = new Fixture();
    bench.free = 1_000;
    await bench.pull();
    await bench.last.answer(some(10));
    expect(bench.polls).toHaveLength(3);
    await bench.last.answer(some(10));
    expect(bench.polls).toHaveLength(5);
    await bench.clock.advance(SECOND);
    for (const poll of bench.polls.slice(1)) await poll.answer();
    await bench.clock.advance(2 * SECOND);
    const open = bench.polls.filter(({ at }) => at > 1_000);
    expect(open.length).toBeLessThanOrEqual(1);
  });
});

describe("polls that end at once and bring nothing", () => {
  test("are spaced out, up to a second", async () => {
    const bench = new Fixture();
    await bench.pull();
    for (let poll = 0; poll < 12; poll += 1) {
      await bench.last.answer();
      await bench.clock.advance(SECOND);
    }
    const gaps = bench.polls.map(({ at }, index) => at - (bench.polls[index - 1]?.at ?? 0));
    expect(Math.max(...gaps)).toBe(SECOND);
    expect(bench.polls).toHaveLength(13);
  });
});

describe("errors", () => {
  test.each<[ErrorKind, number]>([
    ["throttled", 15_000],
    // A network may be back at any moment.
    ["transient", 1_000],
    ["ambiguous", 1_000],
  ])("are waited out, longer each time, and reported: %s, up to %i ms", async (kind, mostMs) => {
    const bench = new Fixture();
    await bench.pull();
    for (let failure = 0; failure < 12; failure += 1) {
      await bench.last.fail(kind);
      await bench.clock.advance(30 * SECOND);
    }
    const waits = bench.events.of("poll_failed").map(({ retryInMs }) => retryInMs);
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(waits.at(-1)).toBe(mostMs);
    expect(bench.polls).toHaveLength(13);
    expect(bench.failures).toEqual([]);
  });

  test.each<ErrorKind>(["not_found", "auth", "permanent"])("%s on the first poll ends it", async (kind) => {
    const bench = new Fixture();
    await bench.pull();
    await bench.last.fail(kind);
    await bench.clock.advance(60 * SECOND);
    expect(bench.failures).toMatchObject([{ kind }]);
    expect(bench.polls).toHaveLength(1);
  });

  test("none ends it after a poll that went well", async () => {
    const bench = new Fixture();
    await bench.pull();
    await bench.clock.advance(SECOND);
    await bench.last.answer();
    await bench.last.fail("auth");
    await bench.clock.advance(30 * SECOND);
    expect(bench.failures).toEqual([]);
    expect(bench.polls).toHaveLength(3);
  });
});

test("a poll that does not answer is replaced, and said to be", async () => {
  const bench = new Fixture();
  await bench.pull();
  await bench.clock.advance(34_999);
  expect(bench.polls).toHaveLength(1);
  await bench.clock.advance(1);
  expect(bench.events.of("warning")).toMatchObject([{ code: "poll_stalled" }]);
  expect(bench.polls).toHaveLength(2);
  expect(bench.polls[0]?.signal.aborted).toBe(true);
  expect(bench.events.of("polled")).toEqual([]);
});

test("stop ends the waiting, hands back what was late, and nothing is fetched any more", async () => {
  const bench = new Fixture();
  await bench.pull();
  const late = await bench.intake.stop();
  expect(late.map(({ brokerId }) => brokerId)).toEqual(["late"]);
  expect(bench.last.signal.aborted).toBe(true);
  await bench.pull();
  await bench.clock.advance(60 * SECOND);
  expect(bench.polls).toHaveLength(1);
  expect(bench.clock.pending).toBe(0);
});

test("what a poll brings in the moment of the stop is delivered, not dropped", async () => {
  const bench = new Fixture();
  await bench.pull();
  const answered = bench.last.answer(some(2));
  await bench.intake.stop();
  await answered;
  expect(bench.delivered).toHaveLength(2);
});
