import { describe } from "vitest";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";
import { testConformance } from "./support.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the pubsub adapter. ${missing}`);

describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  testConformance("pubsub");
});
