import { expect, it } from "vitest";
import { Rules } from "../../support/proxy/rules.ts";
import { seeded } from "../../support/seeded.ts";

const picks = (rules: Rules<number, string>, calls: number): (string | undefined)[] =>
  Array.from({ length: calls }, (_, index) => rules.pick(index));

it("a rule applies once, unless it has another count", () => {
  const rules = new Rules<number, string>(1);
  const rule = rules.add({}, "a");
  expect(picks(rules, 3)).toEqual(["a", undefined, undefined]);
  expect(rule.hits).toBe(1);

  rules.add({ times: 2 }, "b");
  expect(picks(rules, 3)).toEqual(["b", "b", undefined]);
});

it("a rule counts only matching calls after it was added", () => {
  const rules = new Rules<number, string>(1);
  picks(rules, 5);
  rules.add({ nth: 2, where: (call) => call % 2 === 1 }, "second odd");

  expect(picks(rules, 6)).toEqual([undefined, undefined, undefined, "second odd", undefined, undefined]);
});

it("the first rule that applies takes precedence until it is removed", () => {
  const rules = new Rules<number, string>(1);
  const first = rules.add({ times: Number.POSITIVE_INFINITY }, "first");
  rules.add({}, "second");
  expect(picks(rules, 2)).toEqual(["first", "first"]);

  first.remove();
  expect(picks(rules, 2)).toEqual(["second", undefined]);
});

it("a rule draws the same share for the same seed, independent of other rules", () => {
  const drawn = (seed: number, others: boolean): (string | undefined)[] => {
    const rules = new Rules<number, string>(seed);
    const share = rules.add({ share: 0.3 }, "share");
    if (others) rules.add({ share: 0.5 }, "other");
    const all = picks(rules, 1_000).map((action) => (action === "share" ? action : undefined));
    expect(share.hits).toBe(all.filter((action) => action !== undefined).length);
    expect(share.hits).toBeGreaterThan(240);
    expect(share.hits).toBeLessThan(360);
    return all;
  };

  expect(drawn(7, true)).toEqual(drawn(7, false));
  expect(drawn(7, false)).not.toEqual(drawn(8, false));
});

it("a rule reports when it has applied", async () => {
  const rules = new Rules<number, string>(1);
  const rule = rules.add({ nth: 2 }, "a");
  let applied = false;
  void rule.applied.then(() => {
    applied = true;
  });
  picks(rules, 1);
  await Promise.resolve();
  expect(applied).toBe(false);

  picks(rules, 1);
  await rule.applied;
});

it("a seeded random function draws numbers that are spread evenly", () => {
  const random = seeded(42);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const value = random();
    const bin = Math.floor(value * 10);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }

  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
