import type { JobRow } from "../../../src/jobs/store/index.ts";
import { decodeRow, encodeRest } from "../../sql/job-store/row-codec.ts";

/** A row as the server has it. */
export interface Stored {
  /** Names this state of the row. Each write gives it another tag, so that a write that is based on an older one is found. */
  readonly tag: string;
  /** The parts of its data that exist, as bits; see `data-codec.ts`. */
  readonly parts: number;
  readonly row: JobRow;
}

/** The facts of a row that are not in its rest, as JSON. */
type Head = readonly [
  status: JobRow["status"],
  priority: JobRow["priority"],
  queue: string,
  type: string,
  createdAt: number,
  finishedAt: number | null,
];

/**
 * The value of a row: `<tag> <parts> <head>\n<rest>`. JSON has no line break in it.
 * @throws TypeError for a row that cannot be in an order
 */
export function encodeStored({ tag, parts, row }: Stored): string {
  if (!Number.isFinite(row.createdAt))
    throw new TypeError(`the time of creation of the job ${row.id} is no finite number`);
  const { status, priority, queue, type, createdAt, finishedAt = null } = row;
  const head: Head = [status, priority, queue, type, createdAt, finishedAt];
  return `${tag} ${parts} ${JSON.stringify(head)}\n${encodeRest(row)}`;
}

export function decodeStored(id: string, value: string): Stored {
  const first = value.indexOf(" ");
  const second = value.indexOf(" ", first + 1);
  const end = value.indexOf("\n", second);
  const head = JSON.parse(value.slice(second + 1, end)) as Head;
  const [status, priority, queue, type, createdAt, finishedAt] = head;
  const parts = Number(value.slice(first + 1, second));
  const record = { id, created_at: createdAt, finished_at: finishedAt, row: value.slice(end + 1) };
  const row = decodeRow(
    { ...record, job: 0, facet: 0, seq: 0, parts },
    { facet: 0, ns: 0, status, priority, queue, type },
  );
  return { tag: value.slice(0, first), parts, row };
}
