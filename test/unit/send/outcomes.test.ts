import { expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { notSent, timedOut } from "../../../src/send/outcomes.ts";

test("the rest of a deadline is shown in whole milliseconds", () => {
  const refused = new DriverError("transient", "connection refused");
  expect(notSent("jobs", 4_997.287_873, refused).message).toContain("within 4997 ms: connection refused.");
  expect(timedOut("jobs", 0.4).message).toContain("within 0 ms, and was not sent.");
});
