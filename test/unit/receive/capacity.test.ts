import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Run, type RunHost } from "../../../src/receive/run.ts";
import { Slots } from "../../../src/receive/capacity.ts";
import { completeMessage } from "../../../src/message/message.ts";
import { delivery } from "../support.ts";

const host = { queue: "jobs" } as RunHost;
const run = (type: string): Run =>
  new Run(host, delivery(), completeMessage({ type, payload: 1 }, 0), { attempt: 0, redrive: 0 }, 0);

test("there are as many places as were given", () => {
  const slots = new Slots(2, undefined);
  expect([slots.take("a"), slots.take("b"), slots.take("c"), slots.free]).toEqual([true, true, false, 0]);
  slots.release("a");
  expect([slots.free, slots.take("c")]).toEqual([1, true]);
});

test("a type at its limit waits, and takes nothing from the others", () => {
  const slots = new Slots(3, (type) => (type === "slow" ? 1 : undefined));
  expect([slots.take("slow"), slots.take("slow"), slots.take("quick")]).toEqual([true, false, true]);
  const waiting = run("slow");
  slots.wait(waiting);
  expect(slots.next()).toBeUndefined();
  slots.release("slow");
  expect(slots.next()).toBe(waiting);
  expect([slots.free, slots.take("slow")]).toEqual([1, false]);
});

test("what waits comes up in its order, type by type, and no more waits than there are places", () => {
  const slots = new Slots(2, () => 1);
  const [first, second] = [run("a"), run("a")];
  slots.take("a");
  slots.wait(first);
  expect(slots.waitingIsFull).toBe(false);
  slots.wait(second);
  expect(slots.waitingIsFull).toBe(true);
  slots.release("a");
  expect(slots.next()).toBe(first);
  expect(slots.waitingIsFull).toBe(false);
});

test("one that is taken out comes up no more; clear takes out all", () => {
  const slots = new Slots(3, () => 1);
  const [first, second, third] = [run("a"), run("a"), run("b")];
  for (const one of [first, second, third]) slots.wait(one);
  slots.remove(first);
  slots.remove(first);
  expect(slots.clear()).toEqual([second, third]);
  expect(slots.next()).toBeUndefined();
  expect(slots.waitingIsFull).toBe(false);
});

test("whatever is taken and released, no place is ever lost, and no limit exceeded", () => {
  const limitOf = (type: string): number | undefined => ({ a: 1, b: 2 })[type];
  const step = fc.tuple(fc.boolean(), fc.constantFrom("a", "b", "c"));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (places, steps) => {
      const slots = new Slots(places, limitOf);
      const taken: string[] = [];
      for (const [take, type] of steps) {
        const of = taken.filter((one) => one === type).length;
        const room = taken.length < places && of < (limitOf(type) ?? places);
        const got = take && slots.take(type);
        expect(got).toBe(take && room);
        if (got) taken.push(type);
        if (take || of === 0) continue;
        slots.release(type);
        taken.splice(taken.indexOf(type), 1);
      }
      expect(slots.free).toBe(places - taken.length);
    }),
  );
});
