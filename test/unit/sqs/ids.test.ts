import { describe, expect, test } from "vitest";
import { dedupIdOf, groupIdOf, orderingKeyOf } from "../../../adapters/sqs/ids.ts";

const TAKEN = /^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/;

describe("group ids", () => {
  test.each(["a", "user:42", "100%", "x".repeat(128)])("the valid group id %s is sent unchanged", (key) => {
    expect(groupIdOf(key)).toBe(key);
    expect(orderingKeyOf(key)).toBe(key);
  });

  test.each(["key 1", "schlüssel", "日本", "qp64:abc", "€".repeat(20)])(
    "the ordering key %s is encoded and decoded without a change",
    (key) => {
      expect(groupIdOf(key)).toMatch(TAKEN);
      expect(orderingKeyOf(groupIdOf(key))).toBe(key);
    },
  );

  test("an ordering key that is too long to be encoded gets its own group", () => {
    const [one, other] = [`${" ".repeat(127)}a`, `${" ".repeat(127)}b`];
    expect(groupIdOf(one)).toMatch(TAKEN);
    expect(groupIdOf(one)).not.toBe(groupIdOf(other));
  });
});

test("different ids that SQS refuses get different deduplication ids", () => {
  expect(dedupIdOf("order 1")).toMatch(TAKEN);
  expect(dedupIdOf("order 1")).not.toBe(dedupIdOf("order 2"));
  expect(dedupIdOf("order-1")).toBe("order-1");
});
