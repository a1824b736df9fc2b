import { redisJobStore } from "../../../adapters/redis/index.ts";
import { describeJobStoreConformance } from "../../../src/jobs/conformance/vitest.ts";
import { FakeClock } from "../../../src/testing/index.ts";

describeJobStoreConformance("redis", () => {
  const clock = new FakeClock();
  const prefix = `qptest-${process.pid}-${Date.now()}`;
  return {
    name: "redis",
    clock,
    open: () => redisJobStore({ url: "redis://127.0.0.1:6379", prefix, clock }),
  };
});
