import { expect, test } from "vitest";
import { presentOnly } from "../../../cmd/dlq/select.ts";
import { mustAsk } from "../../../cmd/dlq/redrive.ts";

test("dead letters that arrive while a question is open are not selected", () => {
  const now = new Date(5);
  expect(presentOnly({ type: "welcome" }, now)).toEqual({ type: "welcome", until: now });
});

test.each([
  [{}, true],
  [{ yes: true }, false],
  [{ dryRun: true }, false],
  [{ id: ["a"] }, false],
  [{ type: "welcome" }, false],
  [{ reason: "malformed" }, false],
  [{ group: "3f9c0a51be77" }, false],
  [{ since: new Date(0) }, false],
  [{ to: "other", rate: 5, transform: "./fix.ts" }, true],
])("a redrive with the flags %o asks first: %s", (flags, expected) => {
  expect(mustAsk(flags)).toBe(expected);
});
