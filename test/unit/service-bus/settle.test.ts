import { expect, test } from "vitest";
import { PendingSettlements } from "../../../adapters/service-bus/pending-settlements.ts";
import { SettleSerializer } from "../../../adapters/service-bus/settle-serializer.ts";
import { FakeClock } from "../../../src/testing/index.ts";

test("a settlement without an answer is reported as lost ten seconds after it began", async () => {
  const clock = new FakeClock();
  const pending = new PendingSettlements(clock);
  const lost: string[] = [];
  const first = pending.start(undefined, ({ kind }) => lost.push(`first: ${kind}`));
  await clock.advance(4_000);
  const second = pending.start(undefined, () => lost.push("second"));
  const third = pending.start(undefined, ({ kind }) => lost.push(`third: ${kind}`));
  await clock.advance(5_999);
  expect(lost).toEqual([]);
  await clock.advance(1);
  expect(lost).toEqual(["first: ambiguous"]);
  expect(pending.finish(first)).toBe(false);
  expect(pending.finish(second)).toBe(true);
  expect(pending.finish(second)).toBe(false);
  await clock.advance(3_999);
  expect(lost).toHaveLength(1);
  await clock.advance(1);
  expect(lost).toEqual(["first: ambiguous", "third: ambiguous"]);
  expect(pending.finish(third)).toBe(false);
});

test("pending settlements of a link are reported as lost at once when the link is gone, and no others are", () => {
  const pending = new PendingSettlements(new FakeClock());
  const [one, other] = [new AbortController(), new AbortController()];
  const lost: string[] = [];
  for (const name of ["a", "b"]) pending.start(one.signal, () => lost.push(name));
  const onOtherLink = pending.start(other.signal, () => lost.push("c"));
  const offLink = pending.start(undefined, () => lost.push("d"));
  one.abort();
  expect(lost).toEqual(["a", "b"]);
  expect([pending.finish(onOtherLink), pending.finish(offLink)]).toEqual([true, true]);
});

test("completions share a turn of the event loop, and any other settlement has a turn of its own", async () => {
  const serializer = new SettleSerializer();
  const turns: string[][] = [[]];
  let isOver = false;
  const count = (): void => {
    turns.push([]);
    if (!isOver) setImmediate(count);
  };
  const pass = (name: string, isAlone: boolean): Promise<void> =>
    new Promise((resolve) => {
      serializer.pass(isAlone, () => {
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
