import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { encode } from "../../../src/message/envelope.ts";
import { completeMessage } from "../../../src/message/new-message.ts";

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

describe("the first payload of a type", () => {
  let types = 0;
  const first = (payload: unknown): unknown => {
    types += 1;
    return JSON.parse(encode(completeMessage({ type: `first_${types}`, payload }, 0)).body) as unknown;
  };
  class Money {
    readonly #cents = 5;
    get cents(): number {
      return this.#cents;
    }
  }

  test.each<[string, unknown, string]>([
    ["a typed array", { a: Uint8Array.of(1, 2) }, 'payload.a is a "Uint8Array", which does not come back'],
    ["an empty typed array", new Float32Array(), 'payload is a "Float32Array"'],
    ["a Buffer", { a: Buffer.from("x") }, "Send bytes as a base64 string"],
    ["a DataView", new DataView(new ArrayBuffer(1)), 'payload is a "DataView"'],
    ["a function as a property", { a: 1, f: () => 1 }, "payload.f is a function, which JSON leaves out"],
    ["a symbol as a property", { a: Symbol("x") }, "payload.a is a symbol, which JSON leaves out"],
    ["a symbol as a key", { a: { [Symbol("x")]: 1, b: 2 } }, "payload.a has the key Symbol(x)"],
    ["a Blob", { a: new Blob(["x"]) }, 'payload.a is a "Blob", of which JSON has nothing'],
    ["Headers", new Headers({ a: "b" }), 'payload is a "Headers"'],
    ["a WeakMap", { a: [new WeakMap()] }, 'payload.a[0] is a "WeakMap"'],
    ["an instance with private fields only", new Money(), 'payload is a "Money", of which JSON has nothing'],
    ["a wrapped NaN", { n: new Number(Number.NaN) }, "payload.n is NaN"],
    ["an error with properties", Object.assign(new Error("x"), { code: 5 }), 'payload is a "Error"'],
    ["a Map with properties", Object.assign(new Map(), { size_: 5 }), 'payload is a "Map"'],
  ])("is refused if it contains %s", (_, payload, problem) => {
    const refused = expect.objectContaining({
      code: "invalid_payload",
      message: expect.stringContaining(problem) as string,
    });
    expect(() => first(payload)).toThrow(refused);
  });

  test.each<[string, unknown]>([
    ["an instance with public fields", Object.assign(new Money(), { currency: "EUR" })],
    ["an object without a prototype", Object.assign(Object.create(null) as object, { a: {} })],
    ["an empty object of another realm", runInNewContext("({})")],
    ["a URL, which is text", new URL("https://example.com")],
    ["wrapped values", [new Number(1), new String("a"), new Boolean(false)]],
    ["a key that is not enumerable", Object.defineProperty({ a: 1 }, Symbol("x"), { value: 1 })],
    ["a negative zero", -0],
    ["lists nested too deep for the check", JSON.parse(`${"[".repeat(4_000)}${"]".repeat(4_000)}`)],
  ])("may contain %s", (_, payload) => {
    expect(() => first(payload)).not.toThrow();
  });

  test("that was refused does not let a second one pass", () => {
    const send = (): unknown =>
      encode(completeMessage({ type: "with_function", payload: { f: () => 1 } }, 0));
    expect(send).toThrow("which JSON leaves out");
    expect(send).toThrow("which JSON leaves out");
  });
});

test.each<[string, unknown]>([
  ["bytes", { a: [Uint8Array.of(7)] }],
  ["a Buffer", { a: Buffer.from("x") }],
  ["a Blob", new Blob(["x"])],
  ["NaN", [Number.NaN]],
  ["NaN as a property", { a: 1, b: Number.NaN }],
  // oxlint-disable-next-line no-sparse-arrays -- a hole, which a loop over its keys does not see
  ["holes in a list", [1, , 2]],
  ["only symbols as keys", { [Symbol("x")]: 1 }],
  ["bytes without an object around them", Uint8Array.of(1, 2)],
])("%s are refused in a later payload of a type as well", (_, payload) => {
  encode(completeMessage({ type: "later", payload: { a: 1 } }, 0));
  encode(completeMessage({ type: "another", payload: { a: 1 } }, 0));
  expect(() => encode(completeMessage({ type: "later", payload }, 0))).toThrow("In the payload of");
});
