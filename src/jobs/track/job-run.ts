import type { Member } from "../../lib/in-flight-set.ts";
import type { Deadline } from "../../lib/deadlines.ts";
import type { TrackedRun } from "../../queue/tracker.ts";
import type { Json } from "../json.ts";
import type { ClaimAnswer, EndChange, NewStoredJob } from "../store/change.ts";
import { type JobLogLine, MAX_LOG_LINES, type StoredJobMessage } from "../store/job-row.ts";
import { jobBytes, messageBytes } from "../writes/change-bytes.ts";
import { seedOf } from "./seed.ts";

/** The reports of a handler that are not written yet. */
export interface Report {
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  readonly saved?: { readonly value: Json } | undefined;
  readonly steps?: Readonly<Record<string, Json>> | undefined;
  readonly logs?: readonly JobLogLine[] | undefined;
}

/** Both reports as one. The parts of the later one replace those of the earlier one; steps and lines add up. */
export function joined(earlier: Report | undefined, later: Report | undefined): Report | undefined {
  if (earlier === undefined || later === undefined) return later ?? earlier;
  const hasProgress = later.progress !== undefined;
  return {
    progress: hasProgress ? later.progress : earlier.progress,
    progressMessage: hasProgress ? later.progressMessage : earlier.progressMessage,
    saved: later.saved ?? earlier.saved,
    steps: later.steps === undefined ? earlier.steps : { ...earlier.steps, ...later.steps },
    logs:
      later.logs === undefined
        ? earlier.logs
        : [...(earlier.logs ?? []), ...later.logs].slice(-MAX_LOG_LINES),
  };
}

type RunAnswer = Extract<ClaimAnswer, { readonly do: "run" }>;

/** One run of a job, as the tracker knows it. */
export class JobRun implements Deadline {
  readonly run: TrackedRun;
  /** The name of the claim. */
  readonly token: string;
  readonly stamp: string;
  /**
   * - `claiming`: The claim is not answered.
   * - `tracked`: The claim was granted.
   * - `untracked`: The store could not be reached. The end is recorded when it is back.
   * - `foreign`: The record of this id is that of another message. Nothing is recorded.
   */
  mode: "claiming" | "tracked" | "untracked" | "foreign" = "claiming";
  /** The answer to the claim, if it was granted. */
  granted: RunAnswer | undefined;
  /** Orders the writes of this claim. */
  seq = 0;
  /** When a touch was written last, in milliseconds of the monotonic clock. */
  touchedAt: number;
  /** When the run asked for its claim, in milliseconds of the monotonic clock. */
  readonly claimedAt: number;
  /** When a report was written last; undefined if none was. */
  reportedAt: number | undefined;
  /** Whether the store may have granted the claim although it did not answer. */
  mayBeHeld = false;
  isLeaseLost = false;
  /** Whether the handler was asked to end since the job was cancelled. */
  isCancelled = false;
  /** Whether the handler stopped between two items for the drain: it goes on elsewhere. */
  isInterrupted = false;
  isConcluded = false;
  /** The place among the runs whose claims are kept. */
  running: Member<JobRun> | undefined;
  /** The value that the handler has returned. */
  result: EndChange["result"];
  resultOmitted: EndChange["resultOmitted"];
  /** Reports that are not on their way. */
  report: Report | undefined;
  /** The reports that are on their way; settles when they are answered, or are back in `report`. */
  reporting: Promise<unknown> | undefined;
  /** When the reports are due to be written, in milliseconds of the monotonic clock. */
  at = 0;
  heapIndex = -1;
  readonly #flush: (run: JobRun) => void;
  #seed: NewStoredJob | undefined;

  constructor(run: TrackedRun, token: string, stamp: string, now: number, flush: (run: JobRun) => void) {
    this.run = run;
    this.token = token;
    this.stamp = stamp;
    this.touchedAt = now;
    this.claimedAt = now;
    this.#flush = flush;
  }

  get id(): string {
    return this.run.message.id;
  }

  /** The job's facts, as they were received. */
  readonly seed = (): NewStoredJob => (this.#seed ??= seedOf(this.run, this.stamp));

  /** The size of the facts, roughly. Measured without them, since most claims need none. */
  get seedBytes(): number {
    return this.#seed === undefined
      ? messageBytes(this.run.message as StoredJobMessage)
      : jobBytes(this.#seed);
  }

  /** Copies the payload, since the record is written after the handler, which may change it. */
  keepSeed(): void {
    const seed = this.seed();
    const { message } = seed;
    if (message === undefined) return;
    try {
      const payload = JSON.parse(JSON.stringify(message.payload)) as Json;
      this.#seed = { ...seed, message: { ...message, payload } };
    } catch {
      this.dropMessage();
    }
  }

  /** Leaves the message out of the record: the store cannot hold it, as a decoder's payload that is no JSON. */
  dropMessage(): void {
    this.#seed = { ...this.seed(), message: undefined };
  }

  get generation(): number {
    return this.granted?.generation ?? this.run.redrive;
  }

  /** Adds to the reports that are to be written. */
  add(report: Report): void {
    this.report = joined(this.report, report);
  }

  takeReport(): Report | undefined {
    const { report } = this;
    this.report = undefined;
    return report;
  }

  /** Called when the reports are due. */
  expire(): void {
    this.#flush(this);
  }
}
