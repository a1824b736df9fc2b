import type { CrashPoint } from "./crash-points.ts";

/** A durable adapter, by its name in `adapters.ts`, with the options that open it. Plain JSON. */
export interface AdapterConfig {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Path of the delay store through which every retry goes. Without it, retries go through the queue. */
  readonly delayStore?: string | undefined;
}

/** The configuration of one worker process. */
export interface WorkerConfig {
  readonly adapter: AdapterConfig;
  readonly queue: string;
  /** Path of the log file that all workers append to. */
  readonly log: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** The point at which the process kills itself. `undefined`: it runs until SIGTERM. */
  readonly crash: { readonly at: CrashPoint; readonly seed: number } | undefined;
}

/** The types of jobs, each with its own outcome. */
export const jobTypes = {
  /** Succeeds. */
  plain: "plain",
  /** Fails twice, and is retried by a copy. */
  flaky: "flaky",
  /** Fails with a permanent error, and is dead-lettered. */
  failing: "failing",
} as const;
