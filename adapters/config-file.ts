import type { InMs } from "../src/lib/duration.ts";
import type { WorkerOptions } from "../src/worker/types.ts";
import type { QueueConfig } from "./registry.ts";

/**
 * What a configuration file of the command line holds: what `openQueue` takes, and what a worker process does.
 *
 * @example
 * export default {
 *   provider: "sqs",
 *   region: "eu-west-1",
 *   worker: { queues: ["emails"], handlers: "./handlers.ts" },
 * } satisfies ConfigFile;
 */
export type ConfigFile = QueueConfig & { readonly worker?: WorkerConfig | undefined };

/** The `worker` part of a configuration file: a worker's own options, and what the process does around it. */
export interface WorkerConfig extends InMs<Omit<WorkerOptions, "logger">> {
  /** The queues to work on. */
  readonly queues?: readonly string[] | undefined;
  /** Those of them that keep the order of each key: how `queueport provision` creates them. */
  readonly ordered?: readonly string[] | undefined;
  /** The handlers module; relative to the configuration file. */
  readonly handlers?: string | undefined;
  /** Where to serve metrics and health. No server without it; 0 takes a free port and logs it. */
  readonly metricsPort?: number | undefined;
  /** Address to serve metrics and health on. @default "0.0.0.0" */
  readonly host?: string | undefined;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent" | undefined;
  /** Log for people rather than for a collector. @default on a terminal */
  readonly pretty?: boolean | undefined;
}
