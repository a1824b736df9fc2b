import { vi } from "vitest";
import { testCrashes } from "./support.ts";

// What a dead process had claimed is sent by another once the claim has lapsed.
vi.setConfig({ testTimeout: 300_000 });
testCrashes("delay-store", { kills: 25, jobs: 400 });
