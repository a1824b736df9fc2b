import { expect, test } from "vitest";
import { reasonsText } from "../../../cmd/job/why.ts";

test("a reason of job why is one line, whatever its error says", () => {
  const reasons = ["It failed: Error: no\r\nIt is completed.\u001b[31m", "Its queue is paused."];
  expect(reasonsText(reasons)).toBe("It failed: Error: no It is completed.\\u001b[31m\nIts queue is paused.");
});
