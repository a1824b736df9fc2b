import { onTestFinished } from "vitest";
import type { ConfigFile } from "../../adapters/open.ts";
import type { JobsWorker } from "../../src/jobs/index.ts";
import type { FakeClock } from "../../src/testing/index.ts";
import { definitions } from "./jobs.ts";
import { Service } from "./service.ts";

/** `worker.PoolConfig` of the seed, in a configuration file. */
const worker_pool = {
  worker_count: 3,
  max_retries: 5,
  retry_delay: "1s",
  max_retry_delay: "1m",
  job_timeout: "5m",
  jitter: false,
} as const;

/** Opens the service of seed 001 on a place. It is closed after the test. */
export async function openOn(
  config: ConfigFile,
  clock?: FakeClock,
): Promise<{ service: Service; worker: JobsWorker }> {
  const service = await Service.open(
    { ...config, jobs: { ...config.jobs, worker_pool } },
    { definitions, ...(clock === undefined ? {} : { queue: { clock } }) },
  );
  onTestFinished(() => service[Symbol.asyncDispose]());
  return { service, worker: service.jobs.worker().on("failed", () => {}) };
}
