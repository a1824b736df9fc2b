import { expect, test } from "vitest";
import { validate, version } from "uuid";
import { isNewest, newId } from "../../../src/lib/ids.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

test("ids are UUIDs of version 7, sort by time, and differ in every random bit within one millisecond", () => {
  const ids = Array.from({ length: 5_000 }, () => newId(NOW));
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);

  const bits = ids.map((id) => BigInt(`0x${id.replaceAll("-", "")}`));
  expect(bits.every((id) => id >> 80n === BigInt(NOW))).toBe(true);

  const all = bits.reduce((one, other) => one | other) ^ bits.reduce((one, other) => one & other);
  // The time with the version, the variant, and one bit that the package reserves for its counter.
  const fixed = (0xf_ffff_ffff_ffffn << 76n) | (0b11n << 62n) | (1n << 75n);

  expect(all.toString(16)).toBe((~fixed & ((1n << 128n) - 1n)).toString(16));
  expect(newId(NOW + 1) > newId(NOW)).toBe(true);
});

test("isNewest is true only for the id that was made last", () => {
  const id = newId(NOW);
  expect(isNewest(id)).toBe(true);

  newId(NOW);
  expect(isNewest(id)).toBe(false);
});
