import { z } from "zod";
import type { Driver } from "../src/driver/index.ts";
import { QueueError } from "../src/errors.ts";
import type { InMs } from "../src/lib/duration.ts";
import type { WorkerOptions } from "../src/worker/types.ts";
import { check, got, listed, suggestion } from "./check.ts";
import { backoffSchema, type CommonConfig, commonFields, durationField } from "./config.ts";
import { type CheckedJobsConfig, type JobsConfig } from "./jobs-config.ts";
import { checkJobs, takeJobs, withPool } from "./jobs-section.ts";
import { type ProviderName, providers, type QueueConfig } from "./registry.ts";

/**
 * The configuration of a queue connection on an adapter of your own. It is code: a configuration module exports it, and a
 * JSON or YAML file cannot.
 *
 * @example
 * export default { driver: () => redis({ url: "redis://localhost" }) } satisfies ConfigFile;
 */
export interface DriverConfig extends CommonConfig {
  /** The driver, or a function that creates one. Closing the queue closes the driver. */
  readonly driver: Driver | (() => Driver | Promise<Driver>);
  readonly provider?: undefined;
}

/**
 * The content of a configuration file: the configuration of a queue connection, and that of a worker process. `openQueue`
 * accepts it as a whole, so that a service and its workers can share one file.
 *
 * @example
 * export default {
 *   provider: "sqs",
 *   region: "eu-west-1",
 *   worker: { queues: ["emails"], handlers: "./handlers.ts" },
 * } satisfies ConfigFile;
 */
export type ConfigFile = (QueueConfig | DriverConfig) & {
  /** The settings of a worker process. `openQueue` checks them, and does not use them. */
  readonly worker?: WorkerConfig | undefined;
  /** The settings of jobs that are recorded. `openJobs` uses them; `openQueue` checks them, and does not use them. */
  readonly jobs?: JobsConfig | undefined;
  /** The JSON schema by which an editor checks the file: `./node_modules/queueport/schema.json`. */
  readonly $schema?: string | undefined;
};

/** The levels of the worker's log, from most to least verbose. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

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
  readonly logLevel?: LogLevel | undefined;
  /** Whether logs are formatted for people, not as JSON. @default true on a terminal */
  readonly pretty?: boolean | undefined;
}

/** @internal */
export const workerSchema: z.ZodType<InMs<WorkerConfig>> = z.strictObject({
  queues: z.array(z.string().min(1)).min(1).optional(),
  ordered: z.array(z.string().min(1)).optional(),
  handlers: z.string().min(1).optional(),
  concurrency: z.int().min(1).optional(),
  timeoutMs: durationField(),
  graceMs: durationField({ least: 0 }),
  hardLimitMs: durationField(),
  leaseMs: durationField(),
  extendEveryMs: durationField(),
  drainMs: durationField({ least: 0 }),
  backoff: backoffSchema.optional(),
  unknownTypeMaxAgeMs: durationField({ least: 0 }),
  allowUncounted: z.boolean().optional(),
  metricsPort: z.int().min(0).max(65_535).optional(),
  host: z.string().min(1).optional(),
  logLevel: z.enum(logLevels).optional(),
  pretty: z.boolean().optional(),
} satisfies { readonly [K in keyof Required<WorkerConfig>]: z.ZodType<InMs<WorkerConfig>[K]> });

const driverSchema: z.ZodType<DriverConfig> = z.strictObject({
  ...commonFields,
  driver: z.custom<DriverConfig["driver"]>(
    (value) => typeof value === "function" || isDriver(value),
    "expected a driver, such as that of your adapter, or a function that returns one",
  ),
  provider: z.undefined().optional(),
});

/** Whether a value has the shape of a driver. */
export function isDriver(value: unknown): value is Driver {
  return typeof value === "object" && value !== null && "open" in value && typeof value.open === "function";
}

/** The checked parts of a configuration. */
export interface ConfigParts {
  readonly queue: QueueConfig | DriverConfig;
  /** With the settings of `jobs.worker_pool`. */
  readonly worker: InMs<WorkerConfig>;
  /** Undefined if there is no section `jobs`. */
  readonly jobs: CheckedJobsConfig | undefined;
}

const example = `an object with a provider, such as { "provider": "memory" }`;

/**
 * Checks a configuration, and separates the queue connection from the worker and the jobs.
 *
 * @param where the name of the configuration in an error, such as its file
 * @throws QueueError `config`, with the path of every mistake and the value that was expected there; `not_supported` for
 * settings of a later version
 */
export function splitConfig(input: unknown, where: string): ConfigParts {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new QueueError("config", `${where}: expected ${example}.`);
  }
  const { worker: workerPart = {}, $schema, ...content } = input as Record<string, unknown>;
  const { rest: queuePart, given } = takeJobs(content);
  const queue = check(schemaOf(queuePart, where), queuePart, where, ["worker", "jobs", "$schema"]);
  const rest = z.strictObject({ worker: workerSchema, $schema: z.string().optional() });
  const { worker } = check(rest, { worker: workerPart, $schema }, where);
  const jobs = checkJobs(given, where);
  return { queue, worker: withPool(worker, jobs, where), jobs };
}

/** The schema for the provider or the driver that a configuration names. */
function schemaOf(
  config: Readonly<Record<string, unknown>>,
  where: string,
): z.ZodType<QueueConfig | DriverConfig> {
  const known = Object.keys(providers);
  const { provider, driver } = config;
  if (driver !== undefined) {
    if (provider === undefined) return driverSchema;
    throw new QueueError("config", `${where}: provider and driver exclude each other; remove one of them.`);
  }
  if (provider === undefined) {
    throw new QueueError(
      "config",
      `${where}: provider is missing; expected one of ${listed(known)}. For an adapter of your own, give driver.`,
    );
  }
  if (typeof provider !== "string" || !Object.hasOwn(providers, provider)) {
    const hint = typeof provider === "string" ? suggestion(provider, known) : `known: ${listed(known)}`;
    const all = hint.startsWith("known") ? "" : ` Known: ${listed(known)}.`;
    throw new QueueError("config", `${where}: provider: unknown provider ${got(provider)}, ${hint}${all}`);
  }
  return providers[provider as ProviderName].schema;
}
