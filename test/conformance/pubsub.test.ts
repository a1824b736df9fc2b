import { describe } from "vitest";
import { pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";
import { testConformance } from "./support.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the pubsub adapter. ${missing}`);

describe.skipIf(missing !== undefined)("on the emulator", () => {
  testConformance("pubsub");
});
