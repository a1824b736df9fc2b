import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type Contender,
  evaluate,
  median,
  type Rounds,
  type Threshold,
} from "../../../bench/run/benchmark.ts";
import { importing } from "../../../bench/suites/import.ts";
import { latency } from "../../../bench/suites/latency.ts";
import { memory } from "../../../bench/suites/memory.ts";
import { pubsub } from "../../../bench/suites/pubsub.ts";
import { serviceBus } from "../../../bench/suites/service-bus.ts";
import { sqs } from "../../../bench/suites/sqs.ts";

const contender = (name: string): Contender => ({ name, file: "none", settings: [] });

const rounds: Rounds = new Map([
  ["ours", [9, 10, 100].map((rate) => ({ rate, medianMs: rate, messages: 1 }))],
  ["peer", [4, 5, 1].map((rate) => ({ rate, medianMs: rate, messages: 1 }))],
]);

const resultOf = (threshold: Omit<Threshold, "name">): object | undefined =>
  evaluate(
    {
      name: "case",
      contenders: [contender("ours"), contender("peer")],
      thresholds: [{ name: "limit", ...threshold }],
    },
    rounds,
  )[0];

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])("the median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

describe("a threshold", () => {
  test("over a peer is compared with the ratio of the medians", () => {
    const expected = {
      name: "limit",
      value: 10,
      reference: 4,
      ratio: 2.5,
      threshold: ">= 2.5",
      holds: true,
    };
    expect(resultOf({ figure: "rate", over: "peer", atLeast: 2.5 })).toEqual(expected);
    expect(resultOf({ figure: "rate", over: "peer", atLeast: 2.6 })).toMatchObject({ holds: false });
    expect(resultOf({ figure: "medianMs", over: "peer", atMost: 2.4 })).toMatchObject({ holds: false });
  });

  test("above a peer is compared with the difference of the medians", () => {
    const expected = { value: 6, reference: 4, ratio: null, threshold: "<= 6", holds: true };
    expect(resultOf({ figure: "rate", above: "peer", atMost: 6 })).toMatchObject(expected);
    expect(resultOf({ figure: "rate", above: "peer", atMost: 5 })).toMatchObject({ holds: false });
  });

  test("without a peer is compared with our own median", () => {
    const expected = { value: 10, reference: null, ratio: null, holds: true };
    expect(resultOf({ figure: "rate", atMost: 10 })).toMatchObject(expected);
  });

  test("for a figure that no contender reports does not hold", () => {
    expect(resultOf({ figure: "requests", atMost: 1 })).toMatchObject({ holds: false });
  });
});

test.each(Object.entries({ importing, latency, memory, pubsub, serviceBus, sqs }))(
  "every benchmark of the suite %s has a section on the page",
  (_, suite) => {
    const page = readFileSync(new URL("../../../docs/performance.md", import.meta.url), "utf8");
    const missing = suite(false).filter(({ name }) => !page.includes(`<!-- bench: ${name} -->`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  },
);
