import { changedData, type DataChange, type JobData, type JobPart } from "../../../src/jobs/store/index.ts";
import { DATA_PARTS, type DataPart } from "./keys.ts";

/** The parts of a job's data, each with its bit. */
const BIT: Readonly<Record<DataPart, number>> = { message: 1, result: 2, saved: 4, steps: 8, logs: 16 };

/** The hashes that have a part which readers ask for. */
const PARTS_OF: Readonly<Record<JobPart, readonly DataPart[]>> = {
  message: ["message"],
  result: ["result"],
  saved: ["saved", "steps"],
  logs: ["logs"],
};

/** A change of a job's data, ready to be written. Null removes a part. */
export interface EncodedData {
  readonly values: readonly (readonly [DataPart, string | null])[];
  /** The parts of the data after the change. */
  readonly parts: number;
}

/** The hashes that have the parts which a reader asks for. */
export function partsOf(wanted: readonly JobPart[]): DataPart[] {
  return wanted.flatMap((part) => PARTS_OF[part]);
}

/** The parts of a job that have data, among those that are asked for. */
export function existing(parts: number, wanted: readonly JobPart[]): DataPart[] {
  return partsOf(wanted).filter((part) => (parts & BIT[part]) !== 0);
}

/** The parts to which a change adds something, so that they are read first. */
export function addedTo(parts: number, { steps, logs }: DataChange): DataPart[] {
  const added: DataPart[] = [];
  if (steps !== undefined && (parts & BIT.steps) !== 0) added.push("steps");
  if (logs !== undefined && (parts & BIT.logs) !== 0) added.push("logs");
  return added;
}

/**
 * Encodes a change.
 * @param known the parts to which it adds
 * @throws TypeError for a value that JSON cannot represent
 */
export function encodeData(parts: number, change: DataChange, known: JobData): EncodedData {
  const values: [DataPart, string | null][] = [];
  let after = parts;
  const set = (part: DataPart, text: string | undefined): void => {
    // A part that is not there has nothing to remove.
    if (text === undefined && (parts & BIT[part]) === 0) return;
    values.push([part, text ?? null]);
    after = text === undefined ? after & ~BIT[part] : after | BIT[part];
  };
  const { message, messageText, result, saved, steps, logs } = change;
  if (messageText !== undefined) set("message", messageText);
  else if (message !== undefined) set("message", JSON.stringify(message));
  if (result !== undefined) set("result", textOf(result.value));
  if (saved !== undefined) set("saved", textOf(saved.value));
  if (steps !== undefined || logs !== undefined) {
    const changed = changedData(known, { steps, logs });
    if (steps !== undefined) set("steps", textOf(changed.steps));
    if (logs !== undefined) set("logs", textOf(changed.logs));
  }
  return { values, parts: after };
}

/** @param texts the values of `parts`, in that order */
export function decodeData(parts: readonly DataPart[], texts: readonly (string | null)[]): JobData {
  const data: Partial<Record<DataPart, unknown>> = {};
  for (const [index, part] of parts.entries()) {
    const text = texts[index];
    // The hashes hold what encodeData has written.
    if (typeof text === "string") data[part] = JSON.parse(text);
  }
  return data as JobData;
}

/** All parts that a job has. */
export function allParts(parts: number): DataPart[] {
  return DATA_PARTS.filter((part) => (parts & BIT[part]) !== 0);
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
