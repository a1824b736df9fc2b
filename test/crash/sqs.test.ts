import { vi } from "vitest";
import { testCrashes } from "./support.ts";

vi.setConfig({ testTimeout: 240_000 });
testCrashes("sqs", { kills: 12, jobs: 300 });
