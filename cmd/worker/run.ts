import type { ConfigParts } from "../../adapters/config-file.ts";
import type { JobsMetricsConfig } from "../../adapters/jobs-config.ts";
import { openQueue } from "../../adapters/open.ts";
import { defaults } from "../../src/defaults.ts";
import { isQueueError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { InMs } from "../../src/lib/duration.ts";
import type { Logger } from "../../src/lib/logger.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { guardedLogger } from "../../src/worker/guarded-logger.ts";
import { Worker } from "../../src/worker/worker.ts";
import { loadConfig } from "../lib/config-file.ts";
import { type HandlersModule, registerHandlers } from "../lib/handlers-file.ts";
import { errorLine, printError } from "../lib/output.ts";
import { enabledJobs, memoryWarning, openConfiguredJobs } from "../lib/open.ts";
import { onSignals } from "../lib/signals.ts";
import { createLogger } from "./logging.ts";
import { type WorkerFlags, type WorkerSettings, workerSettings } from "./settings.ts";
import { applyTypeSettings } from "./type-settings.ts";
import { exitAfter, exitEvenIfHeld, exitOnCrash, within } from "./shutdown.ts";

/** Milliseconds for the last steps after the drain: hooks of the user, the connection, the server. */
const CLOSE_MS = 500;

/** The longest poll of all providers, which a drain waits for. */
const LONG_POLL_MS = 20_000;
/** Milliseconds for everything else, so that a process has exited 28 s after its signal, with the default settings. */
const REST_MS = 2_000;

/** The members that a `Worker` and a worker of recorded jobs share. */
type RunningWorker = Pick<Worker, "run" | "health" | "registered">;

/** The parts of a worker process. */
interface WorkerProcess {
  readonly settings: WorkerSettings;
  readonly logger: Logger;
  readonly queue: Queue;
  readonly worker: RunningWorker;
  /** Undefined if jobs are not recorded. */
  readonly jobs: Jobs | undefined;
  readonly hooks: HandlersModule;
}

/**
 * Runs a worker process. Resolves after it was stopped by a signal and has drained. A mistake in the configuration, the
 * handlers module or the port is reported before the first message is received.
 * @throws QueueError `drain_incomplete` if a job does not end
 */
export async function runWorker(flags: WorkerFlags): Promise<void> {
  const config = await loadConfig(flags);
  const settings = workerSettings(config.worker, flags);
  // A handler may throw what pino cannot read; that must not end the process.
  const logger = guardedLogger(await createLogger(settings.logging), printError);
  exitOnCrash(logger);
  const jobs = await openRecorded(config, logger);
  const queue = jobs?.queue ?? (await openQueue(config.queue));
  const closing: (() => Promise<void>)[] = [() => (jobs ?? queue).close()];
  try {
    const options = { ...settings.options, logger };
    // A worker of recorded jobs registers what a `Worker` does; its handlers get more in their context.
    const worker = (jobs?.worker(options) as unknown as Worker | undefined) ?? new Worker(queue, options);
    applyTypeSettings(worker, config.jobs?.types);
    const hooks = await registerHandlers(settings.handlers, worker);
    closing.push(await serveHealth({ settings, logger, queue, worker, jobs }, config.jobs?.metrics));
    await work({ settings, logger, queue, worker, jobs, hooks });
  } finally {
    await within(CLOSE_MS, Promise.allSettled(closing.map((close) => close())));
  }
  logger.info("stopped");
  exitEvenIfHeld(logger);
}

/** The jobs of the configuration. Undefined if it does not record jobs. */
async function openRecorded(config: ConfigParts, logger: Logger): Promise<Jobs | undefined> {
  if (enabledJobs(config) === undefined) return undefined;
  return openConfiguredJobs(config, { onWarning: (code, message) => logger.warn({ code }, message) });
}

/** Serves metrics and health if a port is set. Returns a function that closes the server. */
async function serveHealth(
  parts: Omit<WorkerProcess, "hooks">,
  { enabled: countsJobs = true, collection_interval: maxAgeMs }: InMs<JobsMetricsConfig> = {},
): Promise<() => Promise<void>> {
  const { settings, logger, queue, worker, jobs } = parts;
  const { metricsPort, host, queues } = settings;
  if (metricsPort === undefined) return async () => {};
  const [{ healthApp, listen }, { createMetrics }, { collectDefaultMetrics, Registry }] = await Promise.all([
    import("./health-server.ts"),
    import("../../src/metrics/index.ts"),
    import("prom-client"),
  ]);
  const registry = new Registry();
  const metrics = createMetrics({
    registry,
    only: queue,
    stats: { queue, names: queues, maxAgeMs },
    jobs: jobs !== undefined && countsJobs ? { jobs, maxAgeMs } : undefined,
  });
  collectDefaultMetrics({ register: registry });
  const app = healthApp({
    worker,
    queue,
    queues,
    jobs,
    registry,
    onStatsError: (name, error) => logger.warn({ queue: name, err: error }, "reading the counts failed"),
  });
  const server = await listen(app, host, metricsPort);
  logger.info({ host, port: server.port, paths: app.routes.map(({ path }) => path) }, "listening");
  return async () => {
    metrics.close();
    await server.close();
  };
}

async function work({ settings, logger, queue, worker, jobs, hooks }: WorkerProcess): Promise<void> {
  const { queues, options } = settings;
  const { drainMs = defaults.drainMs, graceMs = defaults.graceMs } = options;
  const jobsMs = drainMs + graceMs + CLOSE_MS;
  const limits = { jobsMs, totalMs: Math.max(jobsMs, LONG_POLL_MS) + REST_MS };
  // Keeps Node alive until the worker is stopped: an idle provider may hold no open handle.
  const alive = setInterval(() => {}, 2 ** 30);
  using interrupt = onSignals((signal) => {
    logger.info({ signal, running: worker.health().running }, "draining; a second signal exits immediately");
  });
  const { signal, stop } = interrupt;
  let cancelExit = (): void => {};
  const onAbort = (): void => {
    cancelExit = exitAfter(limits, worker, logger);
  };
  signal.addEventListener("abort", onAbort);
  try {
    const working = worker.run(queues, { signal });
    const types = worker.registered.map(({ type }) => type);
    const recorded = jobs && { store: jobs.store.name, namespace: jobs.namespace };
    logger.info(
      { provider: queue.provider, queues, types, ...(recorded && { jobs: recorded }) },
      "worker started",
    );
    const warning = memoryWarning(queue);
    if (warning !== undefined) logger.warn(warning);
    const starting = callOnStart(hooks, queue, { signal, jobs }).catch(stop);
    await working;
    await within(CLOSE_MS, starting);
    if (signal.reason instanceof HookError) throw signal.reason;
    await hooks.onStop?.(queue, { jobs });
  } catch (error) {
    stop(error);
    logFailure(logger, error);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    cancelExit();
    clearInterval(alive);
  }
}

/** Logs why the worker failed. The message of a QueueError says what to do, and its stack helps nobody who misspelt a queue. */
function logFailure(logger: Logger, error: unknown): void {
  const known = error instanceof HookError ? error.cause : error;
  if (!isQueueError(known)) return logger.error({ err: error }, "worker failed");
  logger.error({ code: known.code, queue: known.queue, error: errorLine(error) }, "worker failed");
  logger.debug({ err: error }, "worker failed");
}

/** Thrown when `onStart` fails. The worker stops then, since it would wait for jobs that were never sent. */
class HookError extends Error {
  override readonly name: string = "HookError";
}

async function callOnStart(
  { onStart }: HandlersModule,
  queue: Queue,
  context: { readonly signal: AbortSignal; readonly jobs: Jobs | undefined },
): Promise<void> {
  try {
    await onStart?.(queue, context);
  } catch (error) {
    // A hook that respects its signal throws when the worker stops. This error is not a failure.
    if (context.signal.aborted) return;
    throw new HookError(`onStart failed: ${errorLine(error)}`, { cause: error });
  }
}
