/** A job that was sent. */
export interface SentJob {
  readonly id: string;
  readonly queue: string;
  /** False if a job with its id or key was there before. */
  readonly created: boolean;
  /** Whether it is recorded. */
  readonly tracked: boolean;
}
