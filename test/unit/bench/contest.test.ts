import { describe, expect, test } from "vitest";
import { type Bar, type Contest, judge, median, type Rounds } from "../../../bench/run/contest.ts";

const side = (name: string): Contest["sides"][0] => ({ name, file: "none", settings: [] });

const rounds: Rounds = new Map([
  ["ours", [9, 10, 100].map((rate) => ({ rate, medianMs: rate, messages: 1 }))],
  ["peer", [4, 5, 1].map((rate) => ({ rate, medianMs: rate, messages: 1 }))],
]);

const verdictOn = (bar: Omit<Bar, "name">): object | undefined =>
  judge({ name: "case", sides: [side("ours"), side("peer")], bars: [{ name: "bar", ...bar }] }, rounds)[0];

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])("the median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

describe("a bar", () => {
  test("over a peer holds by the ratio of the medians", () => {
    const expected = { name: "bar", value: 10, reference: 4, ratio: 2.5, bar: ">= 2.5", holds: true };
    expect(verdictOn({ figure: "rate", over: "peer", atLeast: 2.5 })).toEqual(expected);
    expect(verdictOn({ figure: "rate", over: "peer", atLeast: 2.6 })).toMatchObject({ holds: false });
    expect(verdictOn({ figure: "medianMs", over: "peer", atMost: 2.4 })).toMatchObject({ holds: false });
  });

  test("above a peer holds by the difference", () => {
    const expected = { value: 6, reference: 4, ratio: null, bar: "<= 6", holds: true };
    expect(verdictOn({ figure: "rate", above: "peer", atMost: 6 })).toMatchObject(expected);
    expect(verdictOn({ figure: "rate", above: "peer", atMost: 5 })).toMatchObject({ holds: false });
  });

  test("without a peer stands for itself", () => {
    const expected = { value: 10, reference: null, ratio: null, holds: true };
    expect(verdictOn({ figure: "rate", atMost: 10 })).toMatchObject(expected);
  });

  test("of a figure that nobody has does not hold", () => {
    expect(verdictOn({ figure: "requests", atMost: 1 })).toMatchObject({ holds: false });
  });
});
