import { expect, test } from "vitest";
import { InFlightSet } from "../../../src/lib/in-flight-set.ts";

test("whoever is taken off leaves the others on, in whatever order", () => {
  const roster = new InFlightSet<string>();
  const places = ["a", "b", "c", "d"].map((item) => roster.add(item));
  expect(roster.remove(places[1]!)).toBe(true);
  expect(roster.remove(places[1]!)).toBe(false);
  expect(roster.remove(places[3]!)).toBe(true);
  expect(roster.all().toSorted()).toEqual(["a", "c"]);

  roster.clear();
  expect([roster.remove(places[0]!), roster.size]).toEqual([false, 0]);
});

test("a place on another roster is none on this one", () => {
  const [one, other] = [new InFlightSet<string>(), new InFlightSet<string>()];
  const place = one.add("a");
  other.add("b");
  other.add("c");

  expect(other.remove(place)).toBe(false);
  expect(other.all()).toEqual(["b", "c"]);
  expect(one.remove(place)).toBe(true);
});
