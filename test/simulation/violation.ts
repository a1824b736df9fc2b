/** A rule that was broken. */
export interface Violation {
  readonly rule: string;
  readonly text: string;
}
