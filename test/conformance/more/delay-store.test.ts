import { describe } from "vitest";
import type { ConformanceCase } from "../../../src/conformance/index.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../../support/pubsub-emulator.ts";
import { testConformance } from "../support.ts";

const missing = await pubsubEmulatorMissing();
const usesStore = new Set(["failure.dead_letters", "failure.transform", "ordering.undeclared"]);

/** Selects the cases in which a delay store takes part. */
function only({ group, requirement }: ConformanceCase): boolean {
  return group === "delay" || usesStore.has(requirement);
}

testConformance("memory-store", { isListed: false });
testConformance("memory-sqs-store", { isListed: false });
testConformance("memory-pubsub-store", { isListed: false });
testConformance("memory-service-bus-store", { isListed: false });
testConformance("sqs-store", { isListed: false, only });
testConformance("service-bus-store", { isListed: false, only });
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  testConformance("pubsub-store", { isListed: false, only });
});
