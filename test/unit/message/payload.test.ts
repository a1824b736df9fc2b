import { describe, expect, test } from "vitest";
import { encode } from "../../../src/message/envelope.ts";
import { completeMessage } from "../../../src/message/message.ts";

const encoded = (payload: unknown): unknown =>
  (JSON.parse(encode(completeMessage({ type: "mail", payload }, 0)).body) as { payload: unknown }).payload;

describe("a payload", () => {
  test.each([
    ["null", null],
    ["false", false],
    ["zero", 0],
    ["an empty string", ""],
    ["an empty object", {}],
    ["an empty list", []],
    ["null inside an object", { a: [null, { b: null }] }],
    ["the words null and {}", { text: "null {}" }],
    ["unicode", { text: "é 🦊 \u2028 \uFFFF" }],
    ["an own __proto__", JSON.parse('{"__proto__":{"a":1}}')],
  ])("keeps %s", (_, payload) => {
    expect(encoded(payload)).toEqual(payload);
  });

  test("has a Date as text, and leaves out a property that is undefined", () => {
    expect(encoded({ at: new Date(0), gone: undefined, n: null })).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      n: null,
    });
  });

  const thrower = (thrown: unknown) => () => {
    throw thrown;
  };
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;

  test.each([
    ["undefined", undefined, "undefined"],
    ["a function", () => 1, "function"],
    ["a BigInt", { n: 1n }, "BigInt"],
    ["a cycle", cyclic, "not JSON"],
    ["NaN", { deep: [{ n: Number.NaN }] }, "payload.deep[0].n is NaN"],
    ["infinity", [1 / 0], "payload[0] is Infinity"],
    ["a hole in a list", [undefined], "payload[0] is undefined"],
    ["a function in a list", [() => 1], "payload[0] is function"],
    ["a Map", { m: new Map([[1, 2]]) }, "payload.m is a"],
    ["a Set", new Set([1]), "payload is a"],
    ["a RegExp", { r: /x/ }, "payload.r is a"],
    ["an Error", { e: new Error("x") }, "payload.e is a"],
    ["a Promise", { p: Promise.resolve(1) }, "payload.p is a"],
    ["an ArrayBuffer", { b: new ArrayBuffer(2) }, "payload.b is a"],
    ["search parameters", new URLSearchParams("a=1"), "payload is a"],
    ["an object that throws an unprintable value", { toJSON: thrower(Object.create(null)) }, "unprintable"],
    [
      "an object that throws an error without text",
      { toJSON: thrower(Object.assign(new Error("x"), { message: 5 })) },
      "Error: 5",
    ],
    ["an invalid Date", { at: new Date(Number.NaN) }, "payload.at is an invalid Date"],
  ])("is refused if it contains %s", (_, payload, problem) => {
    expect(() => encoded(payload)).toThrow(
      expect.objectContaining({
        code: "invalid_payload",
        message: expect.stringContaining(problem) as string,
      }),
    );
  });
});
