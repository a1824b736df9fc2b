import { QueueError } from "../../errors.ts";
import { hashOf } from "../payload-hash.ts";
import type { StopPlace, StoredJobFilter } from "../store/job-store.ts";

const VERSION = 1;
/** Characters of a cursor at most. It holds an id, which may be long if another program has chosen it. */
const MAX_LENGTH = 16_384;
/** Characters of the hash of the query in a cursor. */
const QUERY_LENGTH = 16;

/** The identity of a list: a cursor continues the list that it came from, and no other. */
export function queryOf(namespace: string, filter: StoredJobFilter, order: string): string {
  const conditions = Object.entries(filter).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return hashOf([namespace, JSON.stringify(conditions), order]).slice(0, QUERY_LENGTH);
}

/** The cursor of the page after `place`. Opaque: its form may change. */
export function listCursor(query: string, { createdAt, id, toSkip }: StopPlace): string {
  const parts = [VERSION, query, createdAt, id, ...(toSkip === 0 ? [] : [toSkip])];
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** @throws QueueError `invalid_options` for a text that is no cursor, and for the cursor of another query */
export function placeAfter(query: string, cursor: unknown): StopPlace {
  const [version, of, createdAt, id, toSkip = 0] = partsOf(cursor);
  const isPlace = typeof createdAt === "number" && typeof id === "string";
  if (version !== VERSION || !isPlace || !Number.isSafeInteger(toSkip) || Number(toSkip) < 0)
    throw refused("is not a cursor of list. Pass on nextCursor of the page before, unchanged");
  if (of !== query)
    throw refused(
      "belongs to another query. Give list the same filter and order as for the page before, or leave the cursor out",
    );
  return { createdAt, id, toSkip: Number(toSkip) };
}

function partsOf(cursor: unknown): readonly unknown[] {
  if (typeof cursor !== "string" || cursor.length > MAX_LENGTH) return [];
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function refused(what: string): QueueError {
  return new QueueError("invalid_options", `list: the cursor ${what}.`);
}
