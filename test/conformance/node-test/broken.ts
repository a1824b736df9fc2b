import { describeConformance } from "../../../src/conformance/node-test.ts";
import type { Driver, Operation, SettleResult } from "../../../src/driver/index.ts";
import { memoryHarness } from "../harness/memory.ts";

/** Breaks a driver on purpose: it confirms acknowledgements and does not carry them out. */
function withoutAcks(driver: Driver): Driver {
  return {
    ...driver,
    open(queue, options) {
      const source = driver.open(queue, options);
      const settle = async (operation: Operation): Promise<SettleResult> => {
        if (operation.kind === "ack") return { ok: true };
        return (await source.settle([operation]))[0]!;
      };
      return { ...source, settle: (operations) => Promise.all(operations.map(settle)) };
    },
  };
}

const harness = memoryHarness();

describeConformance(
  "broken",
  { ...harness, open: async () => withoutAcks(await harness.open()) },
  { only: ({ requirement }) => requirement === "acknowledgement.ack" },
);
