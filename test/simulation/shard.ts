import { parentPort, workerData } from "node:worker_threads";
import { runSeeds } from "./tally.ts";

/** The seeds that one thread runs. */
export interface Shard {
  readonly seed: number;
  readonly runs: number;
  readonly step: number;
}

// Skips stack traces for speed, since a run creates thousands of errors that are never printed.
Error.stackTraceLimit = 0;
const { seed, runs, step } = workerData as Shard;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(await runSeeds(seed, runs, step));
