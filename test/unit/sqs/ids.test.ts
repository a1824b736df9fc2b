import { describe, expect, test } from "vitest";
import { dedupIdOf, groupIdOf, orderingKeyOf } from "../../../adapters/sqs/ids.ts";

const TAKEN = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/;

describe("group ids", () => {
  test.each(["a", "user:42", "100%", "x".repeat(128)])("%s travels as it is", (key) => {
    expect(groupIdOf(key)).toBe(key);
    expect(orderingKeyOf(key)).toBe(key);
  });

  test.each(["key 1", "schlüssel", "日本", "qp64:abc", "€".repeat(20)])("%s comes back exactly", (key) => {
    expect(groupIdOf(key)).toMatch(TAKEN);
    expect(orderingKeyOf(groupIdOf(key))).toBe(key);
  });

  test("one that is too long to be encoded keeps its own group", () => {
    const [one, other] = [`${" ".repeat(127)}a`, `${" ".repeat(127)}b`];
    expect(groupIdOf(one)).toMatch(TAKEN);
    expect(groupIdOf(one)).not.toBe(groupIdOf(other));
  });
});

test("deduplication ids that SQS does not take stay apart", () => {
  expect(dedupIdOf("order 1")).toMatch(TAKEN);
  expect(dedupIdOf("order 1")).not.toBe(dedupIdOf("order 2"));
  expect(dedupIdOf("order-1")).toBe("order-1");
});
