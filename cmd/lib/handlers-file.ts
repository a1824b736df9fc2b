import { relative } from "node:path";
import { suggestion } from "../../adapters/check.ts";
import { QueueError } from "../../src/errors.ts";
import type { Queue } from "../../src/queue.ts";
import type { JobDefinition, RegisterOptions } from "../../src/worker/job.ts";
import type { JobHandler } from "../../src/worker/types.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { errorLine } from "./output.ts";
import { importFile } from "./import-file.ts";

/** What a handlers module may do beside handling jobs. */
export interface HandlersModule {
  /** Called once the worker receives. The signal aborts when the worker is to stop. */
  readonly onStart: ((queue: Queue, context: { signal: AbortSignal }) => unknown) | undefined;
  /** Called after the drain, while the queue is still open. */
  readonly onStop: ((queue: Queue) => unknown) | undefined;
}

/** A job with its handler: a job definition spread with a handler, or a type with one. */
type Registration = RegisterOptions &
  Partial<Pick<JobDefinition, "schema">> & { readonly type: string; readonly handler: JobHandler };

const shape =
  "export { ...jobDefinition, handler } or { type, handler } objects, an array of them, or a function register(worker)";

/**
 * Imports a handlers module and registers what it exports: every export that is a job with its handler, or an array of
 * them, and the function `register` (or a default one), which gets the worker. Other exports are the module's own.
 */
export async function registerHandlers(file: string, worker: Worker): Promise<HandlersModule> {
  const name = relative(process.cwd(), file);
  const { register, onStart, onStop, ...rest } = await importFile(file, "handlers module");
  for (const job of registrations(rest, name)) registerJob(worker, job, name);
  for (const [exported, value] of Object.entries({ register, default: rest["default"] })) {
    if (typeof value === "function") await callRegister(value as Register, worker, name, exported);
  }
  if (worker.registered.length === 0) {
    throw new QueueError("no_handlers", `The handlers module ${name} registers no handlers: ${shape}.`);
  }
  return {
    onStart: hook(onStart, "onStart", name) as HandlersModule["onStart"],
    onStop: hook(onStop, "onStop", name) as HandlersModule["onStop"],
  };
}

type Register = (worker: Worker) => unknown;

/** A job exported twice, by name and as default, is one job; two of one type are an error of `register`. */
function registrations(exports: Record<string, unknown>, name: string): Set<Registration> {
  const found = new Set<Registration>();
  for (const [exported, value] of Object.entries(exports)) {
    for (const candidate of Array.isArray(value) ? value : [value]) {
      if (!isObject(candidate) || !("handler" in candidate)) continue;
      if (typeof candidate["type"] !== "string" || typeof candidate["handler"] !== "function") {
        throw new QueueError(
          "config",
          `${name}: the export ${exported} needs a type, a string, and a handler, a function.`,
        );
      }
      found.add(candidate as unknown as Registration);
    }
  }
  return found;
}

function registerJob(worker: Worker, job: Registration, name: string): void {
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

/** A job definition was checked when it was defined; a bare type with its options is checked here. */
function checkOptions(type: string, options: object): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const hint =
      option === "maxAttempts"
        ? "it travels with the message: set it when sending"
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
