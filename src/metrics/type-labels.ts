/** Label of the types that exceed the limit. */
export const OTHER = "other";

/** Label of the types that this process has neither sent nor handled. */
const UNKNOWN = "unknown";

/**
 * The job types that are used as labels. Every sender chooses the types of its messages, and every new label is a new time
 * series. So a label is granted only to types that this process sends or handles, up to a limit.
 */
export class TypeLabels {
  readonly #limit: number;
  readonly #granted = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The label of a type that was sent or handled by this process. */
  grant(type: string): string {
    if (this.#granted.has(type)) return type;
    if (this.#granted.size >= this.#limit) return OTHER;
    this.#granted.add(type);
    return type;
  }

  /** The label of a type that was only received. Once the limit is reached, it is `other`, since it may be a refused type. */
  lookUp(type: string): string {
    if (this.#granted.has(type)) return type;
    return this.#granted.size >= this.#limit ? OTHER : UNKNOWN;
  }
}
