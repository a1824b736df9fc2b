import { expect, test } from "vitest";
import { closest } from "../../../src/lib/closest.ts";

const known = ["send_welcome_email", "resize", "import"];

test.each([
  ["send_wellcome_email", "send_welcome_email"],
  ["sendWelcomeEmail", "send_welcome_email"],
  ["RESIZE", "resize"],
  ["improt", "import"],
  ["export", "import"],
  ["invoice", undefined],
  ["", undefined],
  ["x".repeat(100_000), undefined],
])("the name closest to %j is %j", (given, expected) => {
  expect(closest(given, known)).toBe(expected);
});

test("no name is close if there are none", () => {
  expect(closest("a", [])).toBeUndefined();
});
