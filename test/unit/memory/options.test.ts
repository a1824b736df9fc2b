import { expect, test } from "vitest";
import { memory, type MemoryOptions } from "../../../adapters/memory/index.ts";

test.each<[string, object]>([
  ["a cloud that nobody knows", { emulate: "sns" }],
  ["a cloud by the name of a method", { emulate: "toString" }],
  ["a capacity of nothing", { capacity: 0 }],
  ["a capacity that is no number", { capacity: Number.NaN }],
])("refuses %s", (_, options) => {
  expect(() => memory(options as MemoryOptions)).toThrow(
    expect.objectContaining({ code: "invalid_options" }),
  );
});
