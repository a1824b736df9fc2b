import { describe, expect, it } from "vitest";
import { duration, durationText, names, pair, positiveDuration, whole } from "../../../cmd/lib/options.ts";

describe("duration", () => {
  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1.5h", 5_400_000],
    ["3 days", 259_200_000],
    ["0", 0],
    ["0s", 0],
  ])("reads %s as %i milliseconds", (text, expected) => {
    expect(duration(text)).toBe(expected);
  });

  it.each(["", "5", "s", "1d12h", "soon", "NaNs", "1e400s", "5parsecs"])("refuses %j", (text) => {
    expect(() => duration(text)).toThrow("a duration with a unit");
  });

  it("refuses a negative duration", () => {
    expect(() => duration("-3d")).toThrow("cannot be negative");
  });

  it("refuses 0 as a time limit", () => {
    expect(() => positiveDuration("0s")).toThrow("more than 0");
  });

  it("reads back a duration that durationText wrote", () => {
    expect(duration(durationText(25_000))).toBe(25_000);
  });
});

describe("whole", () => {
  it("reads whole numbers in its range and refuses everything else", () => {
    expect(whole(1)("20")).toBe(20);
    for (const text of ["0", "-1", "1.5", "1e3", "", "x", "99999999999999999999"]) {
      expect(() => whole(1)(text)).toThrow("whole number, 1 or more");
    }
    expect(() => whole(0, 65_535)("65536")).toThrow("whole number, 0 to 65535");
  });
});

describe("repeated options", () => {
  it("collect names, each value of which may be a list", () => {
    expect(names("b, c", names("a", undefined))).toEqual(["a", "b", "c"]);
    expect(() => names(" ,", undefined)).toThrow("a name");
  });

  it("collect pairs, whose value may contain an equals sign", () => {
    expect(pair("b=1=2", pair("a=", undefined))).toEqual({ a: "", b: "1=2" });
    for (const text of ["a", "=b", ""]) expect(() => pair(text, undefined)).toThrow("name=value");
  });
});
