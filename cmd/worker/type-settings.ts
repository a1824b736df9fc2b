import { type CheckedJobsConfig, defined, definitionOf } from "../../adapters/jobs-config.ts";
import type { Worker } from "../../src/worker/worker.ts";

/** Lets `register` of a worker apply the settings that a configuration has for job types. Settings in code take precedence. */
export function applyTypeSettings(
  worker: Pick<Worker, "register">,
  types: CheckedJobsConfig["types"] = {},
): void {
  const register = worker.register.bind(worker) as (job: unknown, ...rest: unknown[]) => Worker;
  worker.register = (job: unknown, ...rest: unknown[]): Worker => {
    const definition = typeof job === "object" && job !== null ? job : { type: job };
    const { type } = definition as { readonly type?: unknown };
    const settings = typeof type === "string" && Object.hasOwn(types, type) ? types[type] : undefined;
    if (settings === undefined) return register(job, ...rest);
    const { timeout, concurrency } = settings;
    const fromFile = {
      ...definitionOf(type as string, settings),
      ...defined({ timeoutMs: timeout, concurrency }),
    };
    return register({ ...fromFile, ...defined(definition) }, ...rest);
  };
}
