import { expect, test } from "vitest";
import { QueueError } from "../../src/errors.ts";

test("an error keeps its message and code in JSON, so that an outcome of sendBatch can be logged", () => {
  const error = new QueueError("not_found", 'Queue "jobs" does not exist.', { queue: "jobs" });
  expect(JSON.parse(JSON.stringify({ ok: false, error }))).toEqual({
    ok: false,
    error: {
      name: "QueueError",
      code: "not_found",
      message: 'Queue "jobs" does not exist.',
      queue: "jobs",
      retryable: false,
    },
  });
});
