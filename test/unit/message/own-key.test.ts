import { expect, test } from "vitest";
import { givenKey, ownKey } from "../../../src/message/own-key.ts";

test("the key of a message without one has its id, and is never its id", () => {
  expect(ownKey("m1")).toBe("qp-own:m1");
  expect(givenKey(ownKey("m1"))).toBeUndefined();
});

test("the key of a message with the longest id fits into 128 bytes, and is recognised", () => {
  const id = "é".repeat(64);

  expect(ownKey(id)).toMatch(/^qp-own:[0-9a-f]{64}$/);
  expect(givenKey(ownKey(id))).toBeUndefined();
});

test("a key that the core did not set is the sender's", () => {
  expect(givenKey("m1")).toBe("m1");
  expect(givenKey(undefined)).toBeUndefined();
});
