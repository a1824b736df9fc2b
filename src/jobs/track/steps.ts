import { QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import type { Json } from "../json.ts";
import type { Report } from "./job-run.ts";
import { keptJson } from "./kept-json.ts";

/** Begins the names under which iterations keep their places among the steps. */
export const ITERATION = "iterate/";
const MAX_NAME_BYTES = 128;

/** The steps of one run: those of runs before, and the names that were used in this one. */
export class Steps {
  readonly type: string;
  readonly #done: Readonly<Record<string, Json>>;
  readonly #used = new Set<string>();

  constructor(type: string, done: Readonly<Record<string, Json>> | undefined) {
    this.type = type;
    this.#done = done ?? {};
  }

  /** Whether a run before has recorded the step. */
  isDone(name: string): boolean {
    return Object.hasOwn(this.#done, name);
  }

  resultOf(name: string): Json | undefined {
    return this.isDone(name) ? this.#done[name] : undefined;
  }

  /** @throws QueueError `invalid_options` when the name cannot be used, or was used before in this run */
  use(name: string, what: "step" | "iteration"): void {
    const bytes = typeof name === "string" ? Buffer.byteLength(name) : 0;
    if (bytes === 0 || bytes > MAX_NAME_BYTES) {
      throw new QueueError(
        "invalid_options",
        `The ${what} of ${show(this.type)} needs a name of 1 to ${MAX_NAME_BYTES} bytes; got ${show(name)}.`,
      );
    }
    if (what === "step" && name.startsWith(ITERATION)) {
      throw new QueueError(
        "invalid_options",
        `The name of a step does not begin with "${ITERATION}", which names iterations; got ${show(name)}.`,
      );
    }
    const key = what === "step" ? name : ITERATION + name;
    if (this.#used.has(key)) {
      throw new QueueError(
        "invalid_options",
        `The ${what} ${show(name)} of ${show(this.type)} was used before in this run: its result would be that of the first. Give each a name of its own, such as one with its index.`,
      );
    }
    this.#used.add(key);
  }
}

/** The parts of a run's context that a step uses. */
export interface StepHost {
  reportNow(report: Report): Promise<void>;
}

/** Runs a step, unless a run before has recorded its result. */
export async function recordedStep<T>(
  host: StepHost,
  steps: Steps,
  name: string,
  work: () => T | Promise<T>,
): Promise<T> {
  steps.use(name, "step");
  if (steps.isDone(name)) return steps.resultOf(name) as T;
  const value = await work();
  const json = keptJson(value ?? null, "result", `the step ${show(name)} of ${show(steps.type)}`);
  // As a later run gets it, so that a handler sees the same value in each run.
  const result = JSON.parse(json) as Json;
  await host.reportNow({ steps: { [name]: result } });
  return result as T;
}
