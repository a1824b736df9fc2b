import { describeJobStoreConformance } from "../../../../src/jobs/conformance/vitest.ts";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { wrappedStore } from "../../../../src/jobs/store/wrapped-store.ts";
import { FakeClock } from "../../../../src/testing/index.ts";

const clock = new FakeClock();

describeJobStoreConformance("memory", { name: "memory", clock, open: () => memoryJobStore({ clock }) });

// By `apply` alone, as a store that has to wait.
describeJobStoreConformance("memory, wrapped", {
  name: "memory",
  clock,
  open: () => wrappedStore(memoryJobStore({ clock }), (_, call) => call()),
});
