import { describe, expect, test } from "vitest";
import { QueueError } from "../../../src/errors.ts";
import {
  expectAtLeast,
  expectAtMost,
  expectEqual,
  expectRefusal,
  expectSame,
  expectThat,
  expectWithin,
} from "../../../src/conformance/kit/expect.ts";

/** Returns the first line of the error that a failed assertion throws. */
function messageOf(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message.split("\n")[0] ?? "";
  }
  return "no error";
}

describe("the message of a failed assertion", () => {
  test.each([
    ["attempts: 1, 1; expected 1, 2", () => expectEqual("attempts", [1, 1], [1, 2])],
    ["dead letters: none; expected 3", () => expectEqual("dead letters", [], 3)],
    ['the trace: {"a":1}; expected undefined', () => expectEqual("the trace", { a: 1 }, undefined)],
    [
      "messages: 2; expected 3; missing: b, c; not expected: d",
      () => expectSame("messages", ["d", "a"], ["a", "b", "c"]),
    ],
    ["runs: 2; expected 1; missing: none; not expected: a", () => expectSame("runs", ["a", "a"], ["a"])],
    [
      "the reason: broker; expected crash_loop",
      () => expectThat("the reason", false, "broker", "crash_loop"),
    ],
    ["duplicates: 3; expected at most 0", () => expectAtMost("duplicates", 3, 0)],
    ["confirmed sends: 0; expected at least 1", () => expectAtLeast("confirmed sends", 0, 1)],
    [
      "createdAt: 7 ms too late; expected a moment in a range of 10 ms",
      () => expectWithin("createdAt", 117, 100, 110),
    ],
  ])("is %j, with the observation before the expectation", (message, assertion) => {
    expect(messageOf(assertion)).toBe(message);
  });

  test("cuts a long value", () => {
    expect(messageOf(() => expectEqual("the payload", "x".repeat(1_000), "")).length).toBeLessThan(350);
  });
});

describe("expectRefusal", () => {
  const missing = new QueueError("not_found", 'The queue "emails" does not exist.', { queue: "emails" });

  test("accepts an error with the code whose message contains each part", async () => {
    const checked = expectRefusal("the send", Promise.reject(missing), "not_found", "emails");
    await expect(checked).resolves.toBeUndefined();
  });

  test.each([
    ["the send: it succeeded; expected a refusal with the code not_found", Promise.resolve()],
    [
      "the send: the error: Error: no; expected a QueueError with the code not_found",
      () => Promise.reject(new Error("no")),
    ],
    [
      "the send: the code: closed (It is closed.); expected not_found",
      () => Promise.reject(new QueueError("closed", "It is closed.")),
    ],
    [
      'the send: the message: The queue "emails" does not exist.; expected one that names news',
      () => Promise.reject(missing),
    ],
  ])("fails with %j", async (message, work) => {
    const made = typeof work === "function" ? work() : work;
    await expect(expectRefusal("the send", made, "not_found", "news")).rejects.toThrow(message);
  });
});
