import type { WorkerOptions } from "../src/worker/types.ts";
import type { QueueConfig } from "./registry.ts";

/**
 * The content of a configuration file of the command line: the configuration for `openQueue`, and that of a worker process.
 *
 * @example
 * export default {
 *   provider: "sqs",
 *   region: "eu-west-1",
 *   worker: { queues: ["emails"], handlers: "./handlers.ts" },
 * } satisfies ConfigFile;
 */
export type ConfigFile = QueueConfig & { readonly worker?: WorkerConfig | undefined };

/** The `worker` part of a configuration file: the options of the worker, with durations in milliseconds, and those of its process. */
export interface WorkerConfig extends Omit<WorkerOptions, "logger"> {
  /** The queues from which the worker receives. */
  readonly queues?: readonly string[] | undefined;
  /** The queues that `queueport provision` creates so that they keep order by key. @default none */
  readonly ordered?: readonly string[] | undefined;
  /** The path of the handlers module, relative to the configuration file. */
  readonly handlers?: string | undefined;
  /** The port for metrics and health. 0 takes a free port and logs it. @default no server */
  readonly metricsPort?: number | undefined;
  /** The address for metrics and health. @default "0.0.0.0" */
  readonly host?: string | undefined;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent" | undefined;
  /** Whether logs are formatted for people, not as JSON. @default true on a terminal */
  readonly pretty?: boolean | undefined;
}
