import {
  type DataChange,
  type JobAnswer,
  type JobChange,
  type JobData,
  transition,
  withSaved,
} from "../../../src/jobs/store/index.ts";
import { notRecorded } from "../../sql/job-store/not-recorded.ts";
import { addedTo, encodeData, existing } from "./data-codec.ts";
import type { DataPart } from "./keys.ts";
import type { RowAnswer, RowRequest, WriteRows } from "./row-writer.ts";
import type { Space } from "./space.ts";
import { encodeStored, type Stored } from "./stored-row.ts";

/** Changes and bytes of one script, so that it takes about a millisecond. */
const MAX_CHANGES = 100;
/** Tries after which a job that others keep changing is left to a call of its own. */
const MAX_TRIES = 20;

/** A change with what is known of its job. */
interface Attempt {
  readonly change: JobChange;
  readonly index: number;
  /** The row; `null` if there is none, undefined if it is not known. */
  basis: Stored | null | undefined;
  /** Whether the row was read within this call, and not remembered or supposed. */
  isRead: boolean;
  /** The parts of the data that were read with the row. */
  data: JobData;
  parts: readonly DataPart[];
}

/** The request of a try, and the answer if it succeeds. */
interface Try {
  readonly attempt: Attempt;
  readonly request: RowRequest;
  /** Undefined if the row is only read. */
  readonly answer: JobAnswer | undefined;
  readonly needsSaved: boolean;
}

/**
 * Applies changes of different jobs, and answers them in their order. The rules run here, on the rows as they are known; the
 * server writes each row that is still the same. The others are tried again on the row that is there, so that each change is
 * applied to the state that it follows.
 */
export async function applyChanges(
  space: Space,
  changes: readonly JobChange[],
  write: WriteRows,
): Promise<JobAnswer[]> {
  const answers: JobAnswer[] = [];
  for (let from = 0; from < changes.length; from += MAX_CHANGES) {
    const some = changes.slice(from, from + MAX_CHANGES);
    const attempts = some.map((change, index) => begin(space, change, from + index));
    await applySome(space, attempts, write, answers);
  }
  return answers;
}

function begin(space: Space, change: JobChange, index: number): Attempt {
  const remembered = space.remembered(change.id);
  // A job that is sent is most likely a new one.
  const supposed = change.kind === "insert" || change.kind === "birth" ? null : undefined;
  return { change, index, basis: remembered ?? supposed, isRead: false, data: {}, parts: [] };
}

async function applySome(
  space: Space,
  attempts: readonly Attempt[],
  write: WriteRows,
  answers: JobAnswer[],
): Promise<void> {
  let open = attempts;
  for (let tries = 0; open.length > 0; tries += 1) {
    if (tries === MAX_TRIES) {
      for (const { index } of open) answers[index] = { do: "again" };
      return;
    }
    const pending: Try[] = [];
    for (const attempt of open) {
      const next = tried(space, attempt);
      if ("do" in next) answers[attempt.index] = next;
      else pending.push(next);
    }
    if (pending.length === 0) return;
    const results = await write(
      pending.map(({ request }) => request),
      { isOrdered: true },
    );
    open = pending.flatMap(({ attempt, request, answer, needsSaved }, index) => {
      const { isDone, stored, data } = results[index] as RowAnswer;
      if (isDone && answer !== undefined) {
        answers[attempt.index] = needsSaved && answer.do === "run" ? withSaved(answer, data) : answer;
        return [];
      }
      attempt.basis = stored ?? null;
      attempt.isRead = true;
      attempt.data = data;
      attempt.parts = request.wanted ?? [];
      return [attempt];
    });
  }
}

/** The next request for a change, or its answer if there is nothing to ask. */
function tried(space: Space, attempt: Attempt): Try | JobAnswer {
  const { change, basis } = attempt;
  const { id } = change;
  const now = space.now();
  const read = (wanted: readonly DataPart[]): Try => ({
    attempt,
    request: { id, basis: undefined, wanted, now },
    answer: undefined,
    needsSaved: false,
  });
  if (basis === undefined) return read(reported(change));
  try {
    const { row, answer, data, needsSaved = false } = transition(basis?.row, change, now);
    const saved = needsSaved && basis !== null ? existing(basis.parts, ["saved"]) : [];
    const isWritten = row !== undefined && (row !== basis?.row || data !== undefined);
    if (!isWritten && attempt.isRead && saved.length === 0)
      return needsSaved && answer.do === "run" ? withSaved(answer, {}) : answer;
    if (!isWritten) return { attempt, request: { id, basis, wanted: saved, now }, answer, needsSaved };
    const parts = basis?.parts ?? 0;
    const missing = addedTo(parts, data ?? {}).filter((part) => !attempt.parts.includes(part));
    if (missing.length > 0) return read(addedTo(parts, data ?? {}));
    const encoded = encodeData(parts, data ?? {}, attempt.data);
    const next = { tag: space.newTag(), parts: encoded.parts, row };
    // Here, where a value that cannot be encoded is the fault of this change.
    const text = encodeStored(next);
    const request = { id, basis, next, text, data: encoded, wanted: saved, now };
    return { attempt, request, answer, needsSaved };
  } catch (error) {
    throw notRecorded(id, error);
  }
}

/** The parts to which a change may add something. */
function reported(change: JobChange): DataPart[] {
  if (change.kind !== "touch" && change.kind !== "end") return [];
  const { steps, logs } = change satisfies DataChange;
  const parts: DataPart[] = [];
  if (steps !== undefined) parts.push("steps");
  if (logs !== undefined) parts.push("logs");
  return parts;
}
