import { expect, test } from "vitest";
import { InFlightSet } from "../../../src/lib/in-flight-set.ts";

test("an item is removed once, and the other items stay in the set", () => {
  const inFlight = new InFlightSet<string>();
  const slots = ["a", "b", "c", "d"].map((item) => inFlight.add(item));

  expect(inFlight.remove(slots[1]!)).toBe(true);
  expect(inFlight.remove(slots[1]!)).toBe(false);
  expect(inFlight.remove(slots[3]!)).toBe(true);
  expect(inFlight.all().toSorted()).toEqual(["a", "c"]);

  inFlight.clear();
  expect([inFlight.remove(slots[0]!), inFlight.size]).toEqual([false, 0]);
});

test("a slot of one set removes nothing from another set", () => {
  const [one, other] = [new InFlightSet<string>(), new InFlightSet<string>()];
  const slot = one.add("a");
  other.add("b");
  other.add("c");

  expect(other.remove(slot)).toBe(false);
  expect(other.all()).toEqual(["b", "c"]);
  expect(one.remove(slot)).toBe(true);
});
