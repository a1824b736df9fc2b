import { expect, test } from "vitest";
import { forgetOldest } from "../../../src/lib/bounded-map.ts";

test("the oldest entries of a map are removed until it has as many as it may have", () => {
  const map = new Map([1, 2, 3, 4, 5].map((key) => [key, key]));
  forgetOldest(map, 2);
  expect([...map.keys()]).toEqual([4, 5]);
  forgetOldest(map, 2);
  expect(map.size).toBe(2);
});
