import type { Json } from "../json.ts";
import { Link } from "./chain.ts";
import type { DataChange } from "./effect.ts";
import type { JobData, JobRow } from "./job-row.ts";
import type { JobPart } from "./job-store.ts";
import { changedData } from "./saved-data.ts";

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
 * One job in memory. Its data is kept as JSON, since a payload belongs to its sender, a result to its handler, and an object
 * that was read to its reader: each of them may change it.
 */
export class Entry {
  row: JobRow;
  /** The number of the last change that a reader sees. */
  seq = 0;
  /** The place among all jobs, by their last change. */
  readonly change: Link<Entry>;
  /** The place among the finished jobs, by their end; undefined until the first end. */
  end: Link<Entry> | undefined = undefined;
  #texts: Texts | undefined = undefined;

  constructor(row: JobRow) {
    this.row = row;
    this.change = new Link(this);
  }

  get hasData(): boolean {
    return this.#texts !== undefined;
  }

  dropData(): void {
    this.#texts = undefined;
  }

  write({ message, result, saved, steps, logs }: DataChange): void {
    // Most jobs end without a result.
    const isEmpty = message === undefined && result?.value === undefined && saved === undefined;
    if (this.#texts === undefined && isEmpty && steps === undefined && logs === undefined) return;
    this.#texts ??= {
      message: undefined,
      result: undefined,
      saved: undefined,
      steps: undefined,
      logs: undefined,
    };
    const texts = this.#texts;
    if (message !== undefined) texts.message = JSON.stringify(message);
    if (result !== undefined) texts.result = textOf(result.value);
    if (saved !== undefined) texts.saved = textOf(saved.value);
    if (steps === undefined && logs === undefined) return;
    const after = changedData(this.read(["saved", "logs"]), { steps, logs });
    texts.steps = JSON.stringify(after.steps);
    texts.logs = JSON.stringify(after.logs);
  }

  read(parts: readonly JobPart[] = ALL_PARTS): JobData {
    if (this.#texts === undefined || parts.length === 0) return {};
    const { message, result, saved, steps, logs } = this.#texts;
    return {
      ...(parts.includes("message") && message !== undefined ? { message: JSON.parse(message) } : {}),
      ...(parts.includes("result") && result !== undefined ? { result: JSON.parse(result) } : {}),
      ...(parts.includes("saved") && saved !== undefined ? { saved: JSON.parse(saved) } : {}),
      ...(parts.includes("saved") && steps !== undefined ? { steps: JSON.parse(steps) } : {}),
      ...(parts.includes("logs") && logs !== undefined ? { logs: JSON.parse(logs) } : {}),
    };
  }
}

function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
