import { describeConformance } from "../../../src/conformance/node-test.ts";
import { directoryHarness } from "../harness/directory.ts";

/** Cases that need less than a second each in real time. */
const QUICK = new Set([
  "delivery.intact",
  "delivery.aborted",
  "delay.cancel",
  "ordering.undeclared",
  "delivery.missing_queue",
]);

/** Short times, since the machine is not part of what this file tests. */
const timing = { leaseMs: 1_000, unitMs: 200, lateMs: 1_000 };

describeConformance("directory", async () => ({ ...(await directoryHarness()), timing }), {
  only: ({ requirement }) => QUICK.has(requirement),
});
