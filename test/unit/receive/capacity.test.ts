import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PauseController } from "../../../src/lib/pause.ts";
import { completeMessage } from "../../../src/message/new-message.ts";
import { Capacity, type CapacityOptions, guardedLimits, MOST_BEHIND } from "../../../src/receive/capacity.ts";
import { Run, type RunHost } from "../../../src/receive/run.ts";
import { WaitingRuns } from "../../../src/receive/waiting-runs.ts";
import { delivery } from "../support.ts";

const host = { queue: "jobs" } as RunHost;
const run = (type: string): Run =>
  new Run(host, delivery(), completeMessage({ type, payload: 1 }, 0), { attempt: 0, redrive: 0 }, 0, 30_000);
const open = (concurrency: number, options: Partial<CapacityOptions> = {}): Capacity =>
  new Capacity({ concurrency, maxSettling: 100, keepsOrder: false, random: () => 0, ...options });

describe("the slots of a receiver", () => {
  test("are as many as its concurrency", () => {
    const capacity = open(2);
    expect([capacity.take("a"), capacity.take("b"), capacity.take("c"), capacity.free]).toEqual([
      true,
      true,
      false,
      0,
    ]);

    capacity.release("a", 1);
    expect([capacity.free, capacity.take("c")]).toEqual([1, true]);
  });

  test("are never lost, and never exceed a limit, for any sequence of takes and releases", () => {
    const limitOf = (type: string): number | undefined => ({ a: 1, b: 2 })[type];
    const step = fc.tuple(fc.boolean(), fc.constantFrom("a", "b", "c"));

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (slots, steps) => {
        const capacity = open(slots, { limitOf });
        const taken: string[] = [];
        for (const [take, type] of steps) {
          const ofType = taken.filter((one) => one === type).length;
          const room = taken.length < slots && ofType < (limitOf(type) ?? slots);
          const got = take && capacity.take(type);
          expect(got).toBe(take && room);
          if (got) taken.push(type);
          if (take || ofType === 0) continue;
          capacity.release(type, 1);
          taken.splice(taken.indexOf(type), 1);
        }

        expect(capacity.free).toBe(slots - taken.length);
      }),
    );
  });
});

describe("runs that wait for a slot", () => {
  test("leave the slots to other types if their own type is at its limit", () => {
    const capacity = open(3, { limitOf: (type) => (type === "slow" ? 1 : undefined) });
    const waiting = new WaitingRuns(capacity);
    expect([capacity.take("slow"), capacity.take("slow"), capacity.take("quick")]).toEqual([
      true,
      false,
      true,
    ]);

    const slow = run("slow");
    waiting.add(slow);
    expect(waiting.next()).toBeUndefined();

    capacity.release("slow", 1);
    expect(waiting.next()).toBe(slow);
    expect([capacity.free, capacity.take("slow")]).toEqual([1, false]);
  });

  test("start in order of arrival within a type, and are limited to the number of slots", () => {
    const capacity = open(2, { limitOf: () => 1 });
    const waiting = new WaitingRuns(capacity);
    const [first, second] = [run("a"), run("a")];
    capacity.take("a");
    waiting.add(first);
    expect(capacity.waitingIsFull).toBe(false);

    waiting.add(second);
    expect(capacity.waitingIsFull).toBe(true);

    capacity.release("a", 1);
    expect(waiting.next()).toBe(first);
    expect(capacity.waitingIsFull).toBe(false);
  });

  test("do not start after they were removed, and are all removed by clear", () => {
    const capacity = open(3, { limitOf: () => 1 });
    const waiting = new WaitingRuns(capacity);
    const [first, second, third] = [run("a"), run("a"), run("b")];
    for (const one of [first, second, third]) waiting.add(one);
    waiting.remove(first);
    waiting.remove(first);

    expect(waiting.clear()).toEqual([second, third]);
    expect(waiting.next()).toBeUndefined();
    expect(capacity.waitingIsFull).toBe(false);
  });
});

describe("the room for messages", () => {
  test("is 0 while the receiver is paused, and its listeners are notified of the resume", () => {
    const pause = new PauseController();
    const capacity = open(2, { pauses: [new PauseController(), pause] });
    let changes = 0;
    capacity.onChange(() => (changes += 1));
    pause.pause();
    expect([capacity.free, capacity.refusing]).toEqual([0, true]);

    pause.resume();
    expect([capacity.free, capacity.refusing, changes]).toEqual([2, false, 1]);

    capacity.drain();
    pause.resume();
    expect([capacity.refusing, changes]).toEqual([true, 1]);
  });

  test("shrinks with unconfirmed settlements, but not with as many held keys as there are slots", () => {
    const capacity = open(2, { maxSettling: 4 });
    for (let count = 0; count < 4; count += 1) capacity.beginSettling();
    expect(capacity.free).toBe(0);

    for (let count = 0; count < 3; count += 1) capacity.hold();
    expect(capacity.free).toBe(2);

    capacity.unhold();
    capacity.unhold();
    expect(capacity.free).toBe(1);
  });

  test("is 0 on an ordered queue while as many messages wait for a slot as there are slots, or 1,000 behind their key", () => {
    const ordered = open(2, { keepsOrder: true });
    ordered.waitingForKey = MOST_BEHIND;
    expect([MOST_BEHIND, ordered.free]).toEqual([1_000, 0]);

    ordered.waitingForKey = MOST_BEHIND - 1;
    expect(ordered.free).toBe(2);

    ordered.waitingForSlot = 2;
    expect(ordered.free).toBe(0);

    const unordered = open(2);
    unordered.waitingForSlot = 2;
    expect(unordered.free).toBe(2);
  });

  test("is announced when a confirmation increases it, and on every confirmation during a drain", () => {
    const capacity = open(1, { maxSettling: 3 });
    let changes = 0;
    capacity.onChange(() => (changes += 1));
    for (let count = 0; count < 3; count += 1) capacity.beginSettling();
    capacity.endSettling();
    expect(changes).toBe(1);

    capacity.endSettling();
    expect(changes).toBe(1);

    capacity.drain();
    capacity.endSettling();
    expect(changes).toBe(2);
  });
});

test("a limit function that throws limits its type to 1, and is reported once", () => {
  const warnings: string[] = [];
  const limitOf = guardedLimits(
    () => {
      throw new Error("a mistake");
    },
    (code, message) => warnings.push(`${code} ${message}`),
  );

  expect([limitOf("a"), limitOf("b")]).toEqual([1, 1]);
  expect(warnings).toEqual([
    'concurrency_of concurrencyOf threw for "a": Error: a mistake. Types for which it throws run one job at a time.',
  ]);
});
