import { expect, test } from "vitest";
import { describeError, QueueError } from "../../src/errors.ts";

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

test.each([
  [{ code: 42, message: "rate limited" }, "rate limited"],
  [{ name: "ApiError", message: "rate limited" }, "ApiError: rate limited"],
  [{ code: 42, token: "secret" }, "an object with code, token"],
  [{}, "an object without fields"],
  [undefined, "undefined"],
])("a thrown object that is no error is described by its message or its keys: %o", (thrown, text) => {
  expect(describeError(thrown)).toBe(text);
});
