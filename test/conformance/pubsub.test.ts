import { describe, vi } from "vitest";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";
import { testConformance } from "./support.ts";

// Leases of ten seconds and more run out in real time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the conformance of the pubsub adapter. ${missing}`);

describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  testConformance("pubsub", { concurrent: true });
});
