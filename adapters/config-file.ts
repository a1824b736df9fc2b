import type { BackoffOptions } from "../src/backoff.ts";
import type { QueueConfig } from "./config.ts";

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

/** The `worker` part of a configuration file: what `queueport worker` does. Times in milliseconds. */
export interface WorkerConfig {
  /** The queues to work on. */
  readonly queues?: readonly string[] | undefined;
  /** Those of them that keep the order of each key: how `queueport provision` creates them. */
  readonly ordered?: readonly string[] | undefined;
  /** The handlers module; relative to the configuration file. */
  readonly handlers?: string | undefined;
  /** Handlers running at once on each queue. @default 10 */
  readonly concurrency?: number | undefined;
  /** How long a run may take, unless its type says otherwise. @default 300000 */
  readonly timeoutMs?: number | undefined;
  /** After the abort of a handler's signal, until it counts as stalled. @default 5000 */
  readonly graceMs?: number | undefined;
  /** After the timeout, until the lease of a stalled handler is given up. @default 60000 */
  readonly hardLimitMs?: number | undefined;
  /** How long a message is held without an extension. @default 30000 */
  readonly leaseMs?: number | undefined;
  /** A lease is extended when it is this old. @default 10000 */
  readonly extendEveryMs?: number | undefined;
  /** On shutdown, running handlers get this long before their signals abort. @default 25000 */
  readonly drainMs?: number | undefined;
  /** Over the queue's backoff. */
  readonly backoff?: BackoffOptions | undefined;
  /** A message of a type that nobody knows is dead-lettered after this long. @default 3600000 */
  readonly unknownTypeMaxAgeMs?: number | undefined;
  /** Where a provider cannot count deliveries: work all the same, without attempts. @default false */
  readonly allowUncounted?: boolean | undefined;
  /** Where to serve metrics and health. No server without it; 0 takes a free port and logs it. */
  readonly metricsPort?: number | undefined;
  /** Address to serve metrics and health on. @default "0.0.0.0" */
  readonly host?: string | undefined;
  /** @default "info" */
  readonly logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent" | undefined;
  /** Log for people rather than for a collector. @default on a terminal */
  readonly pretty?: boolean | undefined;
}
