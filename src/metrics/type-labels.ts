/** The label of types beyond the limit. */
export const OTHER = "other";

/** The label of types that this process only heard of: never sent by it, never handled by it. */
const UNKNOWN = "unknown";

/**
 * Which job types get a label of their own. A type is a string that anybody who may send to the queue chooses, and
 * every new one is a new time series: so a label is granted only to types that this process sends or handles, and
 * only to so many.
 */
export class TypeLabels {
  readonly #limit: number;
  readonly #granted = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The label of a type that was sent or handled here. */
  grant(type: string): string {
    if (this.#granted.has(type)) return type;
    if (this.#granted.size >= this.#limit) return OTHER;
    this.#granted.add(type);
    return type;
  }

  /** The label of a type that merely arrived. Once the limit is reached, it may be one of those that got none. */
  lookUp(type: string): string {
    if (this.#granted.has(type)) return type;
    return this.#granted.size >= this.#limit ? OTHER : UNKNOWN;
  }
}
