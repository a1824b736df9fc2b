import { expect, test } from "vitest";
import type { DeadLetter } from "../../../src/queue/dead-letters.ts";
import { fingerprintOf } from "../../../src/message/fingerprint.ts";
import { Groups } from "../../../src/dead-letter/groups.ts";
import { times } from "../support.ts";

function deadLetter(id: string, error: string, at: number): DeadLetter {
  const info = { reason: "max_attempts", error, attempts: 5, source: "jobs", at: new Date(at) };
  return {
    id,
    info,
    message: undefined,
    attributes: {},
    problem: undefined,
    body: "{",
    fingerprint: fingerprintOf(undefined, info),
  };
}

test("a group has its count, and its first and last time, for any order of messages", () => {
  const groups = new Groups();
  for (const [index, at] of [5, 3, 9].entries()) groups.add(deadLetter(`a${index}`, `no row ${index}`, at));
  groups.add(deadLetter("b", "full", 7));

  expect(groups.all()).toMatchObject([
    { count: 3, error: "no row <n>", firstAt: new Date(3), lastAt: new Date(9), example: { id: "a0" } },
    { count: 1, error: "full", firstAt: new Date(7), lastAt: new Date(7), example: { id: "b" } },
  ]);
});

test("messages beyond a thousand groups are counted in one group", () => {
  const groups = new Groups();
  const words = times(1_500, (index) =>
    index.toString(26).replaceAll(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)]!),
  );
  for (const [index, word] of words.entries()) groups.add(deadLetter(word, `no ${word}`, index));
  groups.add(deadLetter("second", `no ${words[0]}`, 0));
  const all = groups.all();

  expect(all).toHaveLength(1_001);
  expect(all[0]).toMatchObject({ fingerprint: "other", count: 500 });
  expect(all[1]).toMatchObject({ error: `no ${words[0]}`, count: 2 });
});
