import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Deadline, Deadlines } from "../../../src/lib/deadlines.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { times } from "../support.ts";

/** Starts at 0 on both clocks. */
function clockAtZero(): FakeClock {
  const clock = new FakeClock({ start: 0 });
  const startedAt = clock.monotonic();
  const monotonic = clock.monotonic.bind(clock);
  clock.monotonic = () => monotonic() - startedAt;
  return clock;
}

function set(deadlines: Deadlines, at: number, expire: () => void): Deadline {
  const deadline: Deadline = { at, heapIndex: -1, expire };
  deadlines.set(deadline);
  return deadline;
}

test("all deadlines fire once and on time, on one timer", async () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  const fired: [number, number][] = [];
  for (const at of [30, 10, 20, 10]) set(deadlines, at, () => fired.push([at, clock.now()]));
  expect(clock.pending).toBe(1);

  await clock.advance(100);
  expect(fired).toEqual([
    [10, 10],
    [10, 10],
    [20, 20],
    [30, 30],
  ]);
  expect(clock.pending).toBe(0);
});

test("a cancelled deadline never fires, and may be cancelled twice", async () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  let fired = 0;
  const deadline = set(deadlines, 10, () => (fired += 1));
  set(deadlines, 20, () => (fired += 1));
  deadlines.cancel(deadline);
  deadlines.cancel(deadline);
  await clock.advance(100);

  expect(fired).toBe(1);
});

test("a deadline in the past fires the next time that the clock advances", async () => {
  const clock = new FakeClock({ start: 100 });
  const deadlines = new Deadlines(clock);
  let fired = 0;
  set(deadlines, 50, () => (fired += 1));
  await clock.advance(0);

  expect(fired).toBe(1);
});

test("a deadline that another one sets for the same moment fires in that moment", async () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  const fired: string[] = [];
  set(deadlines, 10, () => {
    fired.push("first");
    set(deadlines, 10, () => fired.push("same moment"));
    set(deadlines, 15, () => fired.push("later"));
  });
  await clock.advance(20);

  expect(fired).toEqual(["first", "same moment", "later"]);
});

test("clear removes every deadline, and a deadline that is set afterwards fires", async () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  let fired = 0;
  set(deadlines, 10, () => (fired += 1));
  deadlines.clear();
  expect(clock.pending).toBe(0);

  set(deadlines, 20, () => (fired += 10));
  await clock.advance(100);
  expect(fired).toBe(10);
});

test("thousands of cancelled deadlines leave at most one timer behind", () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  const all = times(3_000, (index) => set(deadlines, 1_000 + index, () => {}));
  for (const deadline of all) deadlines.cancel(deadline);
  for (let more = 0; more < 2_000; more += 1) deadlines.cancel(set(deadlines, 10, () => {}));

  expect(clock.pending).toBeLessThanOrEqual(1);
});

test("every deadline that was not cancelled fires on time, for any sequence of steps", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), in: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
    fc.record({ kind: fc.constant("wait" as const), for: fc.integer({ min: 0, max: 20 }) }),
  );

  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = clockAtZero();
      const deadlines = new Deadlines(clock);
      const all: { deadline: Deadline; at: number; cancelled: boolean; firedAt: number | undefined }[] = [];
      for (const one of steps) {
        if (one.kind === "wait") await clock.advance(one.for);
        else if (one.kind === "set") {
          const at = clock.now() + one.in;
          const entry = {
            deadline: undefined as unknown as Deadline,
            at,
            cancelled: false,
            firedAt: undefined as number | undefined,
          };
          entry.deadline = set(deadlines, at, () => (entry.firedAt = clock.now()));
          all.push(entry);
        } else {
          const entry = all[one.which % Math.max(1, all.length)];
          if (entry === undefined || entry.firedAt !== undefined) continue;
          deadlines.cancel(entry.deadline);
          entry.cancelled = true;
        }
      }

      await clock.advance(100);

      for (const { at, cancelled, firedAt } of all) expect(firedAt).toBe(cancelled ? undefined : at);
    }),
    { numRuns: 40 },
  );
});

test("a deadline expires on time if the time of day is set back before", async () => {
  const clock = clockAtZero();
  const deadlines = new Deadlines(clock);
  let firedAt = 0;
  set(deadlines, 1_000, () => (firedAt = clock.monotonic()));

  await clock.advance(500);
  clock.setTime(clock.now() - 3_600_000);
  await clock.advance(600);

  expect(firedAt).toBe(1_000);
});
