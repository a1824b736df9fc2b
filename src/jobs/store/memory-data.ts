import type { Json } from "../json.ts";
import type { DataChange } from "./effect.ts";
import type { JobData, StoredJobMessage } from "./job-row.ts";
import { changedData } from "./saved-data.ts";
import type { JobPart } from "./job-store.ts";

/** The parts of the data of one job, as JSON. */
interface Texts {
  message: string | undefined;
  result: string | undefined;
  saved: string | undefined;
  steps: string | undefined;
  logs: string | undefined;
}

const ALL_PARTS: readonly JobPart[] = ["message", "result", "saved", "logs"];

/**
 * The data of jobs in memory. It is kept as JSON, since a payload belongs to its sender, a result to its handler, and an
 * object that was read to its reader: each of them may change it.
 */
export class MemoryData {
  readonly #texts = new Map<string, Texts>();

  has(id: string): boolean {
    return this.#texts.has(id);
  }

  delete(id: string): void {
    this.#texts.delete(id);
  }

  write(id: string, { message, result, saved, steps, logs }: DataChange): void {
    let texts = this.#texts.get(id);
    if (texts === undefined) {
      // Most jobs end without a result.
      const isEmpty = message === undefined && result?.value === undefined && saved === undefined;
      if (isEmpty && steps === undefined && logs === undefined) return;
      texts = { message: undefined, result: undefined, saved: undefined, steps: undefined, logs: undefined };
      this.#texts.set(id, texts);
    }
    if (message !== undefined) texts.message = JSON.stringify(message);
    if (result !== undefined) texts.result = textOf(result.value);
    if (saved !== undefined) texts.saved = textOf(saved.value);
    if (steps === undefined && logs === undefined) return;
    const after = changedData(this.read(id, ["saved", "logs"]), { steps, logs });
    texts.steps = JSON.stringify(after.steps);
    texts.logs = JSON.stringify(after.logs);
  }

  read(id: string, parts: readonly JobPart[] = ALL_PARTS): JobData {
    const texts = this.#texts.get(id);
    if (texts === undefined || parts.length === 0) return {};
    const { message, result, saved, steps, logs } = texts;
    return {
      ...(parts.includes("message") && message !== undefined ? { message: JSON.parse(message) } : {}),
      ...(parts.includes("result") && result !== undefined ? { result: JSON.parse(result) } : {}),
      ...(parts.includes("saved") && saved !== undefined ? { saved: JSON.parse(saved) } : {}),
      ...(parts.includes("saved") && steps !== undefined ? { steps: JSON.parse(steps) } : {}),
      ...(parts.includes("logs") && logs !== undefined ? { logs: JSON.parse(logs) } : {}),
    };
  }

  /** The message of a job. */
  message(id: string): StoredJobMessage | undefined {
    return this.read(id, ["message"]).message;
  }
}

function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
