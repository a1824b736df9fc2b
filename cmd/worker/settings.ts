import type { WorkerConfig } from "../../adapters/open.ts";
import { reservedNameProblem } from "../../src/driver/names.ts";
import { QueueError } from "../../src/errors.ts";
import type { InMs } from "../../src/lib/duration.ts";
import type { WorkerOptions } from "../../src/worker/types.ts";
import { requireHandlers } from "../lib/handlers-file.ts";
import type { LogLevel } from "../../adapters/config-file.ts";
import type { ConfigFlags, HandlersFlags } from "../lib/options.ts";
import type { LoggingOptions } from "./logging.ts";

/** The flags of `queueport worker`, including those that came from environment variables. Times in milliseconds. */
export interface WorkerFlags extends ConfigFlags, HandlersFlags {
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

/** The settings of a worker process, combined from the configuration file, the environment and the flags. */
export interface WorkerSettings {
  readonly queues: readonly string[];
  /** Absolute path of the handlers module. */
  readonly handlers: string;
  readonly options: InMs<WorkerOptions>;
  readonly metricsPort: number | undefined;
  readonly host: string;
  readonly logging: LoggingOptions;
}

/**
 * Combines the `worker` part of the configuration file with the flags. Flags take precedence.
 * @throws QueueError `config` if no queue or no handlers module is named, or if a queue is reserved for another
 */
export function workerSettings(file: InMs<WorkerConfig>, flags: WorkerFlags): WorkerSettings {
  const queues = flags.queue ?? file.queues;
  if (queues === undefined) {
    throw new QueueError(
      "config",
      "No queue is named: pass --queue <name>, or set worker.queues in the configuration.",
    );
  }
  const problem = reservedNameProblem(queues);
  if (problem !== undefined) throw new QueueError("config", `queues: ${problem}.`);
  return {
    queues: [...new Set(queues)],
    handlers: requireHandlers(flags, file),
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
