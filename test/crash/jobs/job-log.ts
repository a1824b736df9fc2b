import type { JobStatus } from "../../../src/jobs/index.ts";
import type { EventLog } from "../event-log.ts";
import type { JobCrashPoint } from "./points.ts";

/** One event of the log of a campaign. `key` is the number of a job; several messages may have one id. */
export type JobLogEvent =
  /** The send begins. */
  | { readonly kind: "sending"; readonly key: number }
  | { readonly kind: "sent"; readonly key: number; readonly id: string; readonly tracked: boolean }
  /** A handler is called. `fence` is that of its claim; it has none if it runs untracked. */
  | {
      readonly kind: "began";
      readonly key: number;
      readonly id: string;
      readonly attempt: number;
      readonly fence?: number | undefined;
      readonly process: number;
      /** Epoch milliseconds. */
      readonly at: number;
    }
  /** A handler has returned without an error. */
  | { readonly kind: "handled"; readonly key: number; readonly id: string; readonly process: number }
  /** The store has answered that the end of a run is recorded. */
  | {
      readonly kind: "ended";
      readonly id: string;
      readonly status: JobStatus;
      readonly fence?: number | undefined;
      readonly process: number;
    }
  /** The store has refused the end of a run, since another one has the job. */
  | { readonly kind: "refused"; readonly id: string; readonly process: number }
  /** The store has answered that the job has ended otherwise. */
  | { readonly kind: "overruled"; readonly id: string; readonly process: number }
  /** The signal of a run has aborted. */
  | { readonly kind: "aborted"; readonly id: string; readonly process: number }
  /** A message was acknowledged. */
  | { readonly kind: "acked"; readonly id: string; readonly process: number }
  | { readonly kind: "cancelling"; readonly id: string }
  | { readonly kind: "cancelled"; readonly id: string; readonly outcome: string }
  /** The store carried out a call, and its answer was kept from the caller. */
  | { readonly kind: "answer_lost" }
  /** The process stops now, until it is continued. */
  | { readonly kind: "frozen" }
  | {
      readonly kind: "killed";
      readonly point: JobCrashPoint;
      readonly process: number;
      /** Epoch milliseconds. */
      readonly at: number;
    };

export type JobLog = EventLog<JobLogEvent>;
