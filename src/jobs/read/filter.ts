import { QueueError, type KnownKeys } from "../../errors.ts";
import { suggestion } from "../../lib/closest.ts";
import { show } from "../../lib/text.ts";
import { type JobStatus, priorities, type Priority } from "../store/job-row.ts";
import type { StoredJobFilter } from "../store/job-store.ts";
import { statusesOf, type StatusWord } from "./status-words.ts";

/** A selection of jobs. A job must meet all conditions. A list is met by each of its values. */
export interface JobFilter {
  /** A state, or a list of them. `failed` includes `lost`. */
  readonly status?: StatusWord | readonly StatusWord[] | undefined;
  /** A job type, a definition, or a list of them. */
  readonly type?: TypeFilter | readonly TypeFilter[] | undefined;
  readonly queue?: string | readonly string[] | undefined;
  readonly priority?: Priority | readonly Priority[] | undefined;
  readonly tenant?: string | undefined;
  readonly tag?: string | undefined;
  readonly workerId?: string | undefined;
  /** The code or the fingerprint of the last error. */
  readonly error?: string | undefined;
  readonly createdFrom?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** Whether only jobs are meant that are `processing`, and of which no run is known to go on. */
  readonly stalled?: true | undefined;
  /** A text that the payload contains, as JSON. */
  readonly search?: string | undefined;
}

type TypeFilter = string | { readonly type: string };

/** The keys of a filter. */
export const FILTER_KEYS: KnownKeys<JobFilter> = {
  status: true,
  type: true,
  queue: true,
  priority: true,
  tenant: true,
  tag: true,
  workerId: true,
  error: true,
  createdFrom: true,
  createdBefore: true,
  stalled: true,
  search: true,
};

/**
 * Checks a filter, and words it as the store does.
 * @throws QueueError `invalid_options` for a value of a wrong type, an unknown word, and conditions that no job can meet
 */
export function storedFilter(where: string, filter: JobFilter): StoredJobFilter {
  const { tenant, tag, workerId, error, search, stalled } = filter;
  const status = statusOf(where, filter);
  const createdFrom = timeOf(where, "createdFrom", filter.createdFrom);
  const createdBefore = timeOf(where, "createdBefore", filter.createdBefore);
  if (createdFrom !== undefined && createdBefore !== undefined && createdFrom >= createdBefore)
    throw refused(where, "createdFrom is not before createdBefore, so no job can match");
  for (const [name, value] of Object.entries({ tenant, tag, workerId, error, search }))
    if (value !== undefined && (typeof value !== "string" || value === ""))
      throw refused(where, `${name} is a non-empty string; got ${show(value)}`);
  if (stalled !== undefined && (stalled as unknown) !== true)
    throw refused(where, `stalled is true or left out; got ${show(stalled)}`);
  if (stalled && status !== undefined && !status.includes("processing"))
    throw refused(where, `a stalled job is processing, so none has the status ${status.join(", ")}`);
  return defined({
    status,
    type: textsOf(where, "type", filter.type),
    queue: textsOf(where, "queue", filter.queue),
    priority: prioritiesOf(where, filter.priority),
    tenant,
    tag,
    workerId,
    error,
    createdFrom,
    createdBefore,
    isStalled: stalled,
    search,
  });
}

function statusOf(where: string, { status }: JobFilter): JobStatus[] | undefined {
  const words = listOf(where, "status", status);
  return words === undefined ? undefined : [...new Set(words.flatMap((word) => statusesOf(word)))];
}

function prioritiesOf(where: string, given: JobFilter["priority"]): Priority[] | undefined {
  return listOf(where, "priority", given)?.map((one) => {
    const found = priorities.find((known) => known === one);
    if (found !== undefined) return found;
    const sentence = `${where}: unknown priority ${show(one)}; ${suggestion(one, priorities)}`;
    throw new QueueError("invalid_options", sentence);
  });
}

/** The texts of a condition. A job definition is meant by its type. */
function textsOf(where: string, name: string, given: unknown): string[] | undefined {
  return listOf(where, name, given)?.map((one) => {
    const isObject = name === "type" && typeof one === "object" && one !== null && "type" in one;
    const text = isObject ? one.type : one;
    if (typeof text === "string" && text !== "") return text;
    throw refused(where, `${name} is a non-empty string, or a list of them; got ${show(one)}`);
  });
}

function listOf(where: string, name: string, given: unknown): unknown[] | undefined {
  if (given === undefined) return undefined;
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > 0) return list;
  throw refused(where, `${name} is an empty list, so no job can match; leave it out for all`);
}

function timeOf(where: string, name: string, date: Date | undefined): number | undefined {
  if (date === undefined) return undefined;
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(time)) throw refused(where, `${name} is a valid Date; got ${show(date)}`);
  return time;
}

/** Leaves out what is not asked for, so that equal filters are equal. */
function defined(filter: StoredJobFilter): StoredJobFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function refused(where: string, what: string): QueueError {
  return new QueueError("invalid_options", `${where}: ${what}.`);
}
