import type { CrashPoint } from "./points.ts";

/** A durable adapter, by its name in `adapters.ts`, with what it takes to open it; plain JSON. */
export interface AdapterConfig {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** The file of the delay store through which every retry goes; undefined where there is none. */
  readonly delayStore?: string | undefined;
}

/** What one worker process is told. */
export interface WorkerConfig {
  readonly adapter: AdapterConfig;
  readonly queue: string;
  /** The file that all of them write to. */
  readonly log: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Undefined: it lives until it is told to stop. */
  readonly dies: { readonly at: CrashPoint; readonly seed: number } | undefined;
}

/** What a job of each type does. */
export const jobTypes = {
  /** Succeeds. */
  plain: "plain",
  /** Fails twice, and is retried by a clone. */
  flaky: "flaky",
  /** Fails for good, and is dead-lettered. */
  doomed: "doomed",
} as const;
