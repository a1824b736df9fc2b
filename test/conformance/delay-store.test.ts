import { describe } from "vitest";
import type { ConformanceCase } from "../../src/conformance/index.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";
import { testConformance } from "./support.ts";

const missing = await pubsubEmulatorMissing();
const touched = new Set(["failure.dead_letters", "failure.mending", "ordering.delay"]);

/** What a delay store has a part in. */
function only({ group, line }: ConformanceCase): boolean {
  return group === "delay" || touched.has(line);
}

testConformance("memory-store", { isListed: false });
testConformance("memory-sqs-store", { isListed: false });
testConformance("memory-pubsub-store", { isListed: false });
testConformance("memory-service-bus-store", { isListed: false });
testConformance("sqs-store", { concurrent: true, isListed: false, only });
testConformance("service-bus-store", { concurrent: true, isListed: false, only });
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  testConformance("pubsub-store", { concurrent: true, isListed: false, only });
});
