/** A deliberate fault that a unit test must notice, since no conformance case can. */
export interface UnitMutant {
  readonly name: string;
  readonly file: string;
  /** Occurs in the file exactly once. Otherwise the mutant is out of date, which is an error. */
  readonly search: string;
  readonly replace: string;
  /** The folders or files of `test/unit/` that have to catch it. */
  readonly tests: readonly string[];
}
