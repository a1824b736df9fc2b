import type { ListPlace, PageRequest, StoredJobFilter } from "../../../src/jobs/store/index.ts";
import { WALK } from "./scripts.ts";
import type { Space } from "./space.ts";
import { decodeStored, type Stored } from "./stored-row.ts";

/** Jobs of each sorted set that are read in one pass over many, so that the passes are not too many. */
const MIN_SHARE = 4;

/** Some jobs, one after the other in their order. */
export interface Walked {
  readonly jobs: readonly Stored[];
  /** The number of jobs in all sets and the range of creation, also of those before. */
  readonly count: number;
  /** The last of the jobs; undefined if there are no others behind. */
  readonly last: ListPlace | undefined;
}

/** Walks along sorted sets in the common order of their jobs. */
export class Walk {
  readonly #space: Space;
  readonly #keys: readonly string[];
  readonly #filter: StoredJobFilter;
  readonly #order: PageRequest["order"];
  #place: ListPlace | undefined;

  constructor(
    space: Space,
    keys: readonly string[],
    { filter, order, after }: { filter: StoredJobFilter } & Pick<PageRequest, "order" | "after">,
  ) {
    this.#space = space;
    this.#keys = keys;
    this.#filter = filter;
    this.#order = order;
    this.#place = after;
  }

  /** The next jobs: about `limit`, or a few of each set if there are many. */
  async next(limit: number): Promise<Walked> {
    const share = Math.max(
      MIN_SHARE,
      Math.ceil((this.#keys.length === 1 ? 1 : 2) * (limit / this.#keys.length)),
    );
    const { createdFrom, createdBefore } = this.#filter;
    const place = this.#place;
    const [answers] = await this.#space.run(
      WALK,
      [this.#space.keys.rows, ...this.#keys],
      [
        this.#order,
        String(share),
        String(createdFrom ?? "-inf"),
        String(createdBefore ?? "+inf"),
        place === undefined ? "0" : "1",
        String(place?.createdAt ?? 0),
        place?.id ?? "",
      ],
    );
    return this.#merged(answers as [number, number, string[], (string | null)[]][]);
  }

  /** The jobs up to the first place behind which a set may have others that were not read. */
  #merged(answers: readonly (readonly [number, number, string[], (string | null)[]])[]): Walked {
    const sign = this.#order === "oldest" ? 1 : -1;
    let last: ListPlace | undefined;
    let count = 0;
    const jobs: { readonly place: ListPlace; readonly value: string | null }[] = [];
    for (const [size, isMore, found, rows] of answers) {
      count += size;
      const some = rows.map((value, index) => ({
        place: { id: found[2 * index] as string, createdAt: Number(found[2 * index + 1]) },
        value,
      }));
      if (this.#order === "newest") some.reverse();
      const end = isMore === 1 ? some.at(-1)?.place : undefined;
      if (end !== undefined && (last === undefined || sign * comparePlaces(end, last) < 0)) last = end;
      jobs.push(...some);
    }
    const edge = last;
    const within =
      edge === undefined ? jobs : jobs.filter(({ place }) => sign * comparePlaces(place, edge) <= 0);
    if (answers.length > 1) within.sort((one, other) => sign * comparePlaces(one.place, other.place));
    this.#place = last ?? this.#place;
    const stored = within.flatMap(({ place, value }) =>
      value === null ? [] : [decodeStored(place.id, value)],
    );
    return { jobs: stored, count, last };
  }
}

/** Orders places as the server does: by the bytes of their ids within a millisecond. */
export function comparePlaces(one: ListPlace, other: ListPlace): number {
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt;
  return Buffer.compare(Buffer.from(one.id), Buffer.from(other.id));
}
