import type { Clock } from "../../lib/clock.ts";
import type {
  BirthAnswer,
  BirthChange,
  ClaimAnswer,
  ClaimChange,
  EndAnswer,
  EndChange,
  JobChange,
  PlainAnswer,
} from "../store/change.ts";

/** The answer to a change. */
export type AnswerTo<Change extends JobChange> = Change extends ClaimChange
  ? ClaimAnswer
  : Change extends EndChange
    ? EndAnswer
    : Change extends BirthChange
      ? BirthAnswer
      : PlainAnswer;

/** The options of a {@link JobWriter}. */
export interface JobWriterOptions {
  readonly clock: Clock;
  /** Called with what an operator has to know: the store is down, or up again, or changes were lost. */
  readonly onWarning: (code: string, message: string) => void;
}

/** The counts of a {@link JobWriter}. */
export interface WriterStats {
  /** Calls of the store. */
  readonly calls: number;
  /** Calls without an answer. */
  readonly failed: number;
  /** Changes that were answered. */
  readonly changes: number;
  /** Changes that wait for the store to be back. */
  readonly journaled: number;
  /** Changes that were dropped: the journal was full, or the store has refused them. */
  readonly dropped: number;
}
