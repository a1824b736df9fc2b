import { expect, test } from "vitest";
import { exitCodeOf } from "../../../cmd/lib/exit-codes.ts";
import { type ErrorCode, QueueError } from "../../../src/errors.ts";

const codes: Readonly<Record<ErrorCode, number>> = {
  // Mistakes of the user: nothing has changed, and the same again fails again.
  config: 2,
  missing_dependency: 2,
  invalid_message: 2,
  invalid_payload: 2,
  invalid_headers: 2,
  invalid_delay: 2,
  invalid_options: 2,
  too_large: 2,
  duplicate_handler: 2,
  no_handlers: 2,
  unknown_type: 2,
  // The provider, or the state of things.
  queue_full: 1,
  not_found: 1,
  not_supported: 1,
  auth: 1,
  send_failed: 1,
  send_unknown: 1,
  send_timeout: 1,
  unavailable: 1,
  closed: 1,
  already_running: 1,
  draining: 1,
  lease_lost: 1,
  timeout: 1,
  store_unavailable: 1,
  conflict: 1,
  cancelled: 1,
  job_failed: 1,
  untracked: 1,
  provider: 1,
  drain_incomplete: 3,
};

test.each(Object.entries(codes) as [ErrorCode, number][])(
  "the error %s ends a command with %i",
  (code, exit) => {
    expect(exitCodeOf(new QueueError(code, ""))).toBe(exit);
  },
);

test.each([new Error("any"), "text", undefined])("%o ends a command with 1", (error) => {
  expect(exitCodeOf(error)).toBe(1);
});
