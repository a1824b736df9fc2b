import { afterEach, beforeEach, expect, it } from "vitest";
import { since } from "../../../cmd/dlq/select.ts";

const { TZ } = process.env;
beforeEach(() => {
  process.env["TZ"] = "Asia/Tokyo";
});
afterEach(() => {
  if (TZ === undefined) delete process.env["TZ"];
  else process.env["TZ"] = TZ;
});

const AT = Date.UTC(2026, 10, 27, 8, 16);

it.each([
  ["2026-11-27 08:16:00Z", AT],
  ["2026-11-27 08:16:00", AT],
  ["2026-11-27T08:16", AT],
  ["2026-11-27T10:16+02:00", AT],
  ["2026-11-27", Date.UTC(2026, 10, 27)],
  ["2h", AT - 7_200_000],
  ["2h ago", AT - 7_200_000],
])("%s is the same time in every time zone", (text, expected) => {
  expect(since(text, undefined, AT).getTime()).toBe(expected);
});
