import { describe, expect, test } from "vitest";
import {
  deadLettersJson,
  deadLettersText,
  deadLetterText,
  groupsJson,
  groupsText,
} from "../../../cmd/dlq/show-dead-letters.ts";
import { changeText } from "../../../cmd/dlq/transform.ts";
import type { DeadLetter, DeadLetterGroup } from "../../../src/queue/dead-letters.ts";

const NEVER = new Date(Number.NaN);

function deadLetter(
  id: string,
  { payload = {}, at = new Date(0) }: { payload?: unknown; at?: Date } = {},
): DeadLetter {
  const message = {
    id,
    type: "welcome",
    payload,
    headers: {},
    attributes: {},
    maxAttempts: 5,
    createdAt: at,
  };
  const info = {
    reason: "max_attempts",
    error: "Error: no",
    attempts: 5,
    source: "emails",
    at,
    firstSeenAt: at,
  };
  return {
    id,
    info,
    message,
    body: "the body",
    attributes: {},
    problem: undefined,
    fingerprint: "3f9c0a51be77",
  };
}

/** A payload that JSON.parse reads and JSON.stringify cannot write. */
function deep(): unknown {
  let value: unknown = null;
  for (let depth = 0; depth < 20_000; depth += 1) value = [value];
  return value;
}

const letters = [
  deadLetter("good"),
  deadLetter("deep", { payload: deep() }),
  deadLetter("big", { payload: 1n }),
  deadLetter("late", { at: NEVER }),
];

describe("dead letters of which some cannot be shown", () => {
  test("JSON has one entry each, and the body of one that cannot be written", () => {
    expect(JSON.parse(deadLettersJson(letters))).toMatchObject([
      { id: "good", message: { payload: {} }, body: "the body" },
      { id: "deep", unreadable: expect.stringContaining("RangeError"), body: "the body" },
      { id: "big", unreadable: expect.stringContaining("BigInt"), body: "the body" },
      { id: "late", at: null },
    ]);
  });

  test("the list for people has two lines each", () => {
    const lines = deadLettersText(letters).split("\n");
    expect(lines).toHaveLength(2 * letters.length);
    expect(lines[6]).toBe("late  welcome  at an unknown time");
  });

  test.each(letters.map((one) => [one.id, one] as const))("the dead letter %s is shown alone", (id, one) => {
    expect(deadLetterText(one)).toMatch(new RegExp(`^id +${id}\n`));
  });

  test("a group whose example cannot be written is shown with the others", () => {
    const groups = letters.map((example, index) => ({
      fingerprint: `${index}`,
      count: 1,
      type: "welcome",
      reason: "max_attempts",
      error: "Error: no",
      firstAt: NEVER,
      lastAt: new Date(0),
      example,
    })) as unknown as DeadLetterGroup[];
    expect(JSON.parse(groupsJson(groups))).toMatchObject(letters.map(({ id }) => ({ example: { id } })));
    expect(groupsText(groups)).toContain("at an unknown time to 1970-01-01 00:00:00Z");
  });

  test("the change of a payload that cannot be written does not throw", () => {
    const [, tooDeep] = letters as [DeadLetter, DeadLetter];
    const changed = { type: "welcome", payload: {} };
    expect(changeText({ deadLetter: tooDeep, outcome: "redriven", changed })).toMatch(
      /^deep: the change cannot be shown: RangeError/,
    );
  });
});

test("a long error ends within 80 columns if the output is no terminal", () => {
  const long = deadLetter("01a21575-71c0-702f-bd55-97a156dbe221");
  const text = deadLettersText([
    { ...long, info: { ...long.info, error: `Error: ${"x\u001b".repeat(500)}` } },
  ]);
  expect(Math.max(...text.split("\n").map(({ length }) => length))).toBe(80);
});
