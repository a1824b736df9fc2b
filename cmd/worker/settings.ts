import { resolve } from "node:path";
import type { WorkerConfig } from "../../adapters/open.ts";
import { QueueError } from "../../src/errors.ts";
import type { WorkerOptions } from "../../src/worker/types.ts";
import type { LoggingOptions } from "./logging.ts";
import type { LogLevel, SourceFlags } from "../lib/options.ts";

/** The flags of `queueport worker`, each of which may also come from its environment variable. Times in milliseconds. */
export interface WorkerFlags extends SourceFlags {
  readonly handlers?: string;
  readonly queue?: readonly string[];
  readonly concurrency?: number;
  readonly timeout?: number;
  readonly lease?: number;
  readonly drain?: number;
  readonly grace?: number;
  readonly metricsPort?: number;
  readonly host?: string;
  readonly logLevel?: LogLevel;
  readonly pretty?: boolean;
}

/** What a worker process does, put together from file, environment and flags. */
export interface WorkerSettings {
  readonly queues: readonly string[];
  readonly handlers: string;
  readonly options: InMs<WorkerOptions>;
  readonly metricsPort: number | undefined;
  readonly host: string;
  readonly logging: LoggingOptions;
}

/** Flags win over the environment, which has been read into them, and both win over the file. */
export function workerSettings(file: WorkerConfig, flags: WorkerFlags): WorkerSettings {
  const queues = flags.queue ?? file.queues;
  if (queues === undefined) {
    throw new QueueError(
      "config",
      "No queue to work on: give --queue <name>, or worker.queues in the configuration.",
    );
  }
  const handlers = flags.handlers === undefined ? file.handlers : resolve(flags.handlers);
  if (handlers === undefined) {
    throw new QueueError(
      "config",
      "No handlers: give --handlers <file>, or worker.handlers in the configuration.",
    );
  }
  return {
    queues: [...new Set(queues)],
    handlers,
    options: {
      concurrency: flags.concurrency ?? file.concurrency,
      timeoutMs: flags.timeout ?? file.timeoutMs,
      graceMs: flags.grace ?? file.graceMs,
      hardLimitMs: file.hardLimitMs,
      leaseMs: flags.lease ?? file.leaseMs,
      extendEveryMs: file.extendEveryMs,
      drainMs: flags.drain ?? file.drainMs,
      backoff: file.backoff,
      unknownTypeMaxAgeMs: file.unknownTypeMaxAgeMs,
      allowUncounted: file.allowUncounted,
    },
    metricsPort: flags.metricsPort ?? file.metricsPort,
    host: flags.host ?? file.host ?? "0.0.0.0",
    logging: { level: flags.logLevel ?? file.logLevel, pretty: flags.pretty ?? file.pretty },
  };
}
