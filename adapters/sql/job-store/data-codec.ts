import {
  changedData,
  type DataChange,
  type JobData,
  type JobPart,
  type StoredJobMessage,
} from "../../../src/jobs/store/index.ts";

/** The columns of a job's data, each with its bit in `parts`. `row` is set once the job has a row of data. */
export const PART = { row: 1, message: 2, result: 4, saved: 8, steps: 16, logs: 32 } as const;

const ALL_PARTS: readonly JobPart[] = ["message", "result", "saved", "logs"];

/** A column of a job's data. Each has JSON; `message` has the message without its payload. */
export type DataColumn = "payload" | "message" | "result" | "saved" | "steps" | "logs";
export type DataRecord = { readonly [Name in DataColumn]: string | null };

/** A change of a job's data, ready to be written: the columns that it sets. */
export interface EncodedData {
  readonly columns: readonly DataColumn[];
  readonly values: readonly (string | null)[];
  /** The parts of the data after the change. */
  readonly parts: number;
}

export function hasDataRow(parts: number): boolean {
  return (parts & PART.row) !== 0;
}

/** Whether a change is added to steps or lines that are there, so that they are read first. */
export function needsData(parts: number, { steps, logs }: DataChange): boolean {
  return (steps !== undefined || logs !== undefined) && (parts & (PART.steps | PART.logs)) !== 0;
}

/**
 * Encodes a change.
 *
 * @param known the data before, if {@link needsData}
 * @throws TypeError for a value that JSON cannot represent
 */
export function encodeData(parts: number, change: DataChange, known: () => JobData): EncodedData {
  const columns: DataColumn[] = [];
  const values: (string | null)[] = [];
  let after = parts | PART.row;
  const set = (column: Exclude<DataColumn, "payload">, value: unknown): void => {
    columns.push(column);
    values.push(value === undefined ? null : JSON.stringify(value));
    after = value === undefined ? after & ~PART[column] : after | PART[column];
  };
  const { message, result, saved, steps, logs } = change;
  if (message !== undefined) {
    const { payload, ...rest } = message;
    columns.push("payload");
    values.push(JSON.stringify(payload));
    set("message", rest);
  }
  // A job without a result has nothing to remove.
  if (result !== undefined && (result.value !== undefined || (parts & PART.result) !== 0))
    set("result", result.value);
  if (saved !== undefined) set("saved", saved.value);
  if (steps !== undefined || logs !== undefined) {
    const changed = changedData(needsData(parts, change) ? known() : {}, { steps, logs });
    if (steps !== undefined) set("steps", changed.steps);
    if (logs !== undefined) set("logs", changed.logs);
  }
  return { columns, values, parts: after };
}

/** @param parts the parts that are read. @default all */
export function decodeData(record: DataRecord | undefined, parts: readonly JobPart[] = ALL_PARTS): JobData {
  if (record === undefined) return {};
  const { payload, message, result, saved, steps, logs } = record;
  const hasMessage = message !== null && payload !== null;
  return {
    ...(parts.includes("message") && hasMessage ? { message: messageOf(payload, message) } : {}),
    ...(parts.includes("result") ? { result: parsed(result) } : {}),
    ...(parts.includes("saved") ? { saved: parsed(saved), steps: parsed(steps) } : {}),
    ...(parts.includes("logs") ? { logs: parsed(logs) } : {}),
  };
}

function messageOf(payload: string, rest: string): StoredJobMessage {
  return { payload: JSON.parse(payload), ...(JSON.parse(rest) as Omit<StoredJobMessage, "payload">) };
}

function parsed(text: string | null): never | undefined {
  // The columns hold what encodeData has written.
  return text === null ? undefined : (JSON.parse(text) as never);
}
