import type { CrashPoint } from "./crash-points.ts";
import type { EventLog } from "./event-log.ts";

/** One event of the log of a campaign. */
export type RunEvent =
  | { readonly kind: "began"; readonly id: string; readonly attempt: number }
  | { readonly kind: "completed"; readonly id: string; readonly attempt: number }
  /** The process dies now. Each message in `replacing` may exist twice from here on: as original and as copy. */
  | { readonly kind: "killed"; readonly point: CrashPoint; readonly replacing: readonly string[] };

export type RunLog = EventLog<RunEvent>;
