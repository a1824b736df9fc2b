import { expect, test } from "vitest";
import { Answers } from "../../../adapters/service-bus/answers.ts";
import { SettleSerializer } from "../../../adapters/service-bus/turnstile.ts";
import { FakeClock } from "../../../src/testing/index.ts";

test("each settlement is given up ten seconds after it began, unless its answer comes before", async () => {
  const clock = new FakeClock();
  const answers = new Answers(clock);
  const lost: string[] = [];
  const first = answers.expect(undefined, ({ kind }) => lost.push(`first: ${kind}`));
  await clock.advance(4_000);
  const second = answers.expect(undefined, () => lost.push("second"));
  const third = answers.expect(undefined, ({ kind }) => lost.push(`third: ${kind}`));
  await clock.advance(5_999);
  expect(lost).toEqual([]);
  await clock.advance(1);
  expect(lost).toEqual(["first: ambiguous"]);
  expect(answers.came(first)).toBe(false);
  expect(answers.came(second)).toBe(true);
  expect(answers.came(second)).toBe(false);
  await clock.advance(3_999);
  expect(lost).toHaveLength(1);
  await clock.advance(1);
  expect(lost).toEqual(["first: ambiguous", "third: ambiguous"]);
  expect(answers.came(third)).toBe(false);
});

test("when a link goes, what was settled on it is given up at once, and nothing else", () => {
  const answers = new Answers(new FakeClock());
  const [one, other] = [new AbortController(), new AbortController()];
  const lost: string[] = [];
  for (const name of ["a", "b"]) answers.expect(one.signal, () => lost.push(name));
  const elsewhere = answers.expect(other.signal, () => lost.push("c"));
  const offLink = answers.expect(undefined, () => lost.push("d"));
  one.abort();
  expect(lost).toEqual(["a", "b"]);
  expect([answers.came(elsewhere), answers.came(offLink)]).toEqual([true, true]);
});

test("completions share a turn of the event loop, and everything else has one of its own", async () => {
  const turnstile = new SettleSerializer();
  const turns: string[][] = [[]];
  let isOver = false;
  const count = (): void => {
    turns.push([]);
    if (!isOver) setImmediate(count);
  };
  const pass = (name: string, isAlone: boolean): Promise<void> =>
    new Promise((resolve) => {
      turnstile.pass(isAlone, () => {
        turns.at(-1)?.push(name);
        resolve();
      });
    });
  setImmediate(count);
  const passing = [pass("ack", false), pass("ack", false), pass("dead", true), pass("ack", false)];
  passing.push(pass("release", true), pass("ack", false), pass("ack", false));
  await Promise.all(passing);
  isOver = true;
  expect(turns.filter((turn) => turn.length > 0)).toEqual([
    ["ack", "ack"],
    ["dead"],
    ["ack"],
    ["release"],
    ["ack", "ack"],
  ]);
});
