import { expect, test } from "vitest";
import { memory, type MemoryOptions } from "../../../adapters/memory/index.ts";

test.each<[string, object]>([
  ["an unknown provider", { emulate: "sns" }],
  ["a provider with the name of an object's method", { emulate: "toString" }],
  ["a capacity of 0", { capacity: 0 }],
  ["a capacity that is not a number", { capacity: Number.NaN }],
])("memory() refuses %s", (_, options) => {
  expect(() => memory(options as MemoryOptions)).toThrow(
    expect.objectContaining({ code: "invalid_options" }),
  );
});
