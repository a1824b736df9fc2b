import { vi } from "vitest";
import { testConformance } from "./support.ts";

// The cases have deadlines of their own, which say what was waited for.
vi.setConfig({ testTimeout: 360_000 });
testConformance("sqs", { concurrent: true });
