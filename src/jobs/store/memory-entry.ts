import type { Json } from "../json.ts";
import type { DataChange } from "./effect.ts";
import type { JobData, JobRow } from "./job-row.ts";
import type { JobPart } from "./job-store.ts";
import { changedData } from "./saved-data.ts";

/** The parts of the data that most jobs do not have, as JSON. */
interface Reports {
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
  /** That of the row, and whether a message is to be sent: an old row is not in the cache when its job is forgotten. */
  readonly id: string;
  isPending = false;
  /** The number of the last change that a reader sees. */
  seq = 0;
  /** The place among all jobs, by their last change; -1 if it has none. */
  changeAt = -1;
  /** The place among the finished jobs, by their end; -1 if it is not finished. */
  endAt = -1;
  #message: string | undefined = undefined;
  #result: string | undefined = undefined;
  #reports: Reports | undefined = undefined;

  constructor(row: JobRow) {
    this.row = row;
    this.id = row.id;
  }

  get hasData(): boolean {
    return this.#message !== undefined || this.#result !== undefined || this.#reports !== undefined;
  }

  dropData(): void {
    this.#message = this.#result = this.#reports = undefined;
  }

  write({ message, messageText, result, saved, steps, logs }: DataChange): void {
    if (messageText !== undefined) this.#message = messageText;
    else if (message !== undefined) this.#message = JSON.stringify(message);
    if (result !== undefined) this.#result = textOf(result.value);
    if (saved === undefined && steps === undefined && logs === undefined) return;
    this.#reports ??= { saved: undefined, steps: undefined, logs: undefined };
    const reports = this.#reports;
    if (saved !== undefined) reports.saved = textOf(saved.value);
    if (steps === undefined && logs === undefined) return;
    const after = changedData(this.read(["saved", "logs"]), { steps, logs });
    reports.steps = JSON.stringify(after.steps);
    reports.logs = JSON.stringify(after.logs);
  }

  read(parts: readonly JobPart[] = ALL_PARTS): JobData {
    const data: { -readonly [Name in keyof JobData]: JobData[Name] } = {};
    if (parts.includes("message") && this.#message !== undefined) data.message = JSON.parse(this.#message);
    if (parts.includes("result") && this.#result !== undefined) data.result = JSON.parse(this.#result);
    if (this.#reports === undefined) return data;
    const { saved, steps, logs } = this.#reports;
    if (parts.includes("saved") && saved !== undefined) data.saved = JSON.parse(saved);
    if (parts.includes("saved") && steps !== undefined) data.steps = JSON.parse(steps);
    if (parts.includes("logs") && logs !== undefined) data.logs = JSON.parse(logs);
    return data;
  }
}

function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
