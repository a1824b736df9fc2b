import { parentPort, workerData } from "node:worker_threads";
import { jobSimulation } from "./jobs/job-simulation.ts";
import { queueSimulation } from "./queue-simulation.ts";
import { runSeeds } from "./tally.ts";

/** The seeds that one thread runs. */
export interface Shard {
  readonly seed: number;
  readonly runs: number;
  readonly step: number;
  /** Whether the job system is simulated. */
  readonly jobs: boolean;
}

// Skips stack traces for speed, since a run creates thousands of errors that are never printed.
Error.stackTraceLimit = 0;
const { seed, runs, step, jobs } = workerData as Shard;
const tally = await (jobs
  ? runSeeds(jobSimulation, seed, runs, step)
  : runSeeds(queueSimulation, seed, runs, step));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(tally);
