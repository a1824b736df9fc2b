import { countedAs, hintsOf, type JobData, type StoreHint } from "../../../src/jobs/store/index.ts";
import { minuteOf } from "../../sql/job-store/reports.ts";
import { decodeData, type EncodedData } from "./data-codec.ts";
import { indexChanges } from "./index-changes.ts";
import { DATA_PARTS, type DataPart, facetText } from "./keys.ts";
import { WRITE_ROWS } from "./scripts.ts";
import type { Space } from "./space.ts";
import { decodeStored, encodeStored, type Stored } from "./stored-row.ts";

/** Seconds for which the numbers of a minute are kept: more than a day. */
const MINUTE_KEPT_S = 90_000;

/** One job in a request: to be read, or to be written on a certain basis. */
export interface RowRequest {
  readonly id: string;
  /** The row on which the write is based: `null` if there is none, undefined to read only. */
  readonly basis: Stored | null | undefined;
  /** The next row; `null` to delete it, undefined to find out whether the basis still holds. */
  readonly next?: Stored | null | undefined;
  /** The value of `next`. @default encoded from it */
  readonly text?: string | undefined;
  readonly data?: EncodedData | undefined;
  /** The parts of the data to return, as they are after the write. */
  readonly wanted?: readonly DataPart[] | undefined;
  /** The time of the change, by which an end is counted. */
  readonly now: number;
}

/** The answer to one request. */
export interface RowAnswer {
  /** Whether the basis held, and the write was made. */
  readonly isDone: boolean;
  /** The row that is there, if the basis did not hold, or none was given. */
  readonly stored: Stored | undefined;
  readonly data: JobData;
}

/** The hints of one request, and the numbers of the last change before and after it. */
export interface Written {
  readonly from: number;
  readonly to: number;
  readonly hints: readonly (readonly [StoreHint, string])[];
}

/** Carries out requests of different jobs in one script, and answers each. */
export type WriteRows = (
  requests: readonly RowRequest[],
  options?: {
    /** Whether nothing is written behind a request that is not. @default false */
    readonly isOrdered?: boolean | undefined;
  },
) => Promise<readonly RowAnswer[]>;

/** Carries out requests of different jobs in one script. */
export async function writeRows(
  space: Space,
  requests: readonly RowRequest[],
  isOrdered: boolean,
  onWritten: (written: Written) => void,
): Promise<RowAnswer[]> {
  const { keys } = space;
  const places = new Map<string, string>();
  const fixed = [
    keys.info,
    keys.rows,
    keys.changes,
    keys.facets,
    ...DATA_PARTS.map((part) => keys.data[part]),
  ];
  for (const key of fixed) places.set(key, String(places.size + 1));
  const placeOf = (key: string): string => {
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = String(places.size + 1);
    places.set(key, place);
    return place;
  };
  const hints = requests.map(hintsFor);
  const values: string[] = [keys.channel, space.token, String(requests.length), isOrdered ? "1" : "0"];
  for (const [index, request] of requests.entries())
    addEntry(values, space, request, hints[index] ?? [], placeOf);
  const [from, to, answers] = (await space.run(WRITE_ROWS, [...places.keys()], values)) as [
    string,
    string,
    [number, string | null, ...(string | null)[]][],
  ];
  space.lastSeq = Number(to);
  const made: (readonly [StoreHint, string])[] = [];
  const results = answers.map(([done, found, ...texts], index): RowAnswer => {
    const { id, wanted = [], next } = requests[index] as RowRequest;
    const isDone = done === 1;
    const stored = found === null ? undefined : decodeStored(id, found);
    if (isDone) made.push(...(hints[index] ?? []));
    const latest = isDone ? next : (stored ?? null);
    if (latest === null) space.forget(id);
    else if (latest !== undefined) space.remember(latest);
    return { isDone, stored, data: decodeData(wanted, texts) };
  });
  if (from !== to) onWritten({ from: Number(from), to: Number(to), hints: made });
  return results;
}

/** A row of the same version is no change for anybody, and a deleted one is none either. */
function isChange({ basis, next }: RowRequest): boolean {
  return next != null && next.row.version !== basis?.row.version;
}

function hintsFor(request: RowRequest): (readonly [StoreHint, string])[] {
  const { id, basis, next } = request;
  if (!isChange(request) || next == null) return [];
  return hintsOf(basis?.row, next.row).map((hint) => [hint, id] as const);
}

/** Adds the values of one request; see the script. */
function addEntry(
  values: string[],
  { keys }: Space,
  request: RowRequest,
  hints: readonly (readonly [StoreHint, string])[],
  placeOf: (key: string) => string,
): void {
  const { id, basis, next, text, data, wanted = [], now } = request;
  const steps: string[][] = [];
  if (next !== undefined) {
    const before = basis ?? undefined;
    for (const { key, score } of indexChanges(keys, before, next ?? undefined))
      steps.push(score === undefined ? ["remove", placeOf(key)] : ["add", placeOf(key), String(score)]);
    if (next === null) {
      steps.push(["remove", placeOf(keys.changes)]);
      for (const part of DATA_PARTS) steps.push(["drop", placeOf(keys.data[part])]);
    } else {
      const facet = facetText(next.row);
      if (before === undefined || facetText(before.row) !== facet) steps.push(["facet", facet]);
      const ended = countedAs(before?.row, next.row);
      if (isChange(request) && ended !== undefined) {
        const { queue, type, durationMs = 0 } = next.row;
        const field = JSON.stringify([queue, type, ended]);
        steps.push([
          "count",
          placeOf(keys.minute(minuteOf(now))),
          field,
          String(durationMs),
          String(MINUTE_KEPT_S),
        ]);
      }
    }
  }
  for (const [part, value] of data?.values ?? []) {
    const place = placeOf(keys.data[part]);
    steps.push(value === null ? ["drop", place] : ["set", place, value]);
  }
  values.push(
    id,
    basis === undefined ? "?" : (basis?.tag ?? ""),
    wanted.map((part) => String(DATA_PARTS.indexOf(part) + 1)).join(""),
    next === undefined ? "" : next === null ? "-" : (text ?? encodeStored(next)),
    isChange(request) ? "1" : "0",
    hints.map((hint) => JSON.stringify(hint)).join(","),
    String(steps.length),
  );
  for (const step of steps) values.push(...step);
}
