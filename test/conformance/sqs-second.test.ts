import { vi } from "vitest";
import { testConformance } from "./support.ts";

// A second opinion on the adapter; what this server does otherwise than SQS is listed with its harness.
vi.setConfig({ testTimeout: 360_000 });
testConformance("sqs-second", { concurrent: true });
