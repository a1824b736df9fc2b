import { relative, resolve } from "node:path";
import { suggestion } from "../../adapters/check.ts";
import type { WorkerConfig } from "../../adapters/open.ts";
import { QueueError } from "../../src/errors.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { JobDefinition, RegisterOptions } from "../../src/worker/job.ts";
import type { JobHandler } from "../../src/worker/types.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { importFile } from "./import-file.ts";
import type { HandlersFlags } from "./options.ts";
import { errorLine } from "./output.ts";

/** The hooks that a handlers module may export. */
export interface HandlersModule {
  /** Called once the worker receives. The signal aborts when the worker begins to stop. `jobs` is set if jobs are recorded. */
  readonly onStart:
    | ((queue: Queue, context: { signal: AbortSignal; jobs: Jobs | undefined }) => unknown)
    | undefined;
  /** Called after the drain, while the queue and the jobs are still open. */
  readonly onStop: ((queue: Queue, context: { jobs: Jobs | undefined }) => unknown) | undefined;
}

/** A job with its handler: a job definition spread with a handler, or an object with a type and a handler. */
type HandledJob = RegisterOptions &
  Partial<Pick<JobDefinition, "schema">> & { readonly type: string; readonly handler: JobHandler };

const shape =
  "export { ...jobDefinition, handler } or { type, handler } objects, an array of them, or a function register(worker)";

/** The absolute path of the handlers module that `--handlers` or the configuration names; undefined if neither does. */
export function findHandlers({ handlers }: HandlersFlags, worker: WorkerConfig): string | undefined {
  return handlers === undefined ? worker.handlers : resolve(handlers);
}

/**
 * The absolute path of the handlers module.
 * @throws QueueError `config` if neither `--handlers` nor the configuration names one
 */
export function requireHandlers(flags: HandlersFlags, worker: WorkerConfig): string {
  const file = findHandlers(flags, worker);
  if (file !== undefined) return file;
  throw new QueueError(
    "config",
    "No handlers module is named: pass --handlers <file>, or set worker.handlers in the configuration.",
  );
}

/**
 * Imports a handlers module and registers its jobs: every export that is a job with its handler, and every array of
 * such jobs. Then it calls the exported function `register`, or a default one, with the worker. Other exports are
 * ignored.
 * @throws QueueError `config`, `no_handlers`, `duplicate_handler` or `invalid_options`
 */
export async function registerHandlers(file: string, worker: Worker): Promise<HandlersModule> {
  const name = relative(process.cwd(), file);
  const { register, onStart, onStop, ...rest } = await importFile(file, "handlers module");
  for (const job of handledJobs(rest, name)) registerJob(worker, job, name);
  for (const [exported, value] of Object.entries({ register, default: rest["default"] })) {
    if (typeof value === "function") await callRegister(value as Register, worker, name, exported);
  }
  refuseMisspelt(rest, name);
  if (worker.registered.length === 0) {
    throw new QueueError("no_handlers", `The handlers module ${name} registers no handlers: ${shape}.`);
  }
  return {
    onStart: hook(onStart, "onStart", name) as HandlersModule["onStart"],
    onStop: hook(onStop, "onStop", name) as HandlersModule["onStop"],
  };
}

type Register = (worker: Worker) => unknown;

/** The exported jobs, each once: a job that is exported by name and as default is one job. */
function handledJobs(exports: Record<string, unknown>, name: string): Set<HandledJob> {
  const found = new Set<HandledJob>();
  for (const [exported, value] of Object.entries(exports)) {
    for (const candidate of Array.isArray(value) ? value : [value]) {
      if (!isObject(candidate) || !("handler" in candidate)) continue;
      if (typeof candidate["type"] !== "string" || typeof candidate["handler"] !== "function") {
        throw new QueueError(
          "config",
          `${name}: the export ${exported} needs a type, which is a string, and a handler, which is a function.`,
        );
      }
      found.add(candidate as unknown as HandledJob);
    }
  }
  return found;
}

function registerJob(worker: Worker, job: HandledJob, name: string): void {
  const { handler, type, schema, ...options } = job;
  try {
    if (schema === undefined) {
      checkOptions(type, options);
      worker.register(type, handler, options);
    } else {
      worker.register(job as unknown as JobDefinition, handler);
    }
  } catch (error) {
    throw inFile(error, name);
  }
}

const known = ["backoff", "timeoutMs", "concurrency"];

/** Refuses unknown options of a job without a schema. `defineJob` has checked those of a job definition. */
function checkOptions(type: string, options: object): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const hint =
      option === "maxAttempts"
        ? "it is part of the message: set it when you send the job"
        : suggestion(option, known);
    throw new QueueError("config", `the job ${JSON.stringify(type)} cannot have ${option} here; ${hint}`);
  }
}

async function callRegister(
  register: Register,
  worker: Worker,
  name: string,
  exported: string,
): Promise<void> {
  try {
    await register(worker);
  } catch (error) {
    if (error instanceof QueueError) throw inFile(error, name);
    throw new QueueError("config", `${name}: its function ${exported} failed: ${errorLine(error)}`, {
      cause: error,
    });
  }
}

const hooks = ["register", "onStart", "onStop"];

/** Refuses a function that has the name of a hook in another case: it would never be called. */
function refuseMisspelt(exports: Record<string, unknown>, name: string): void {
  for (const [exported, value] of Object.entries(exports)) {
    const meant = hooks.find((one) => one.toLowerCase() === exported.toLowerCase());
    if (meant === undefined || typeof value !== "function") continue;
    throw new QueueError("config", `${name}: the export ${exported} is never called; did you mean ${meant}?`);
  }
}

function hook(value: unknown, exported: string, name: string): unknown {
  if (value === undefined || typeof value === "function") return value;
  throw new QueueError("config", `${name}: the export ${exported} must be a function.`);
}

function inFile(error: unknown, name: string): unknown {
  if (!(error instanceof QueueError)) return error;
  return new QueueError(error.code, `${name}: ${error.message}`, { cause: error });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
