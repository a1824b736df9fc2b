import { describeJobStoreConformance } from "../../../../src/jobs/conformance/vitest.ts";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { FakeClock } from "../../../../src/testing/index.ts";

const clock = new FakeClock();

describeJobStoreConformance("memory", { name: "memory", clock, open: () => memoryJobStore({ clock }) });
