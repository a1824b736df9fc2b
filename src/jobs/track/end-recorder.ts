import { type Clock, sleep } from "../../lib/clock.ts";
import type { Disposition } from "../../queue/disposition.ts";
import type { Conclusion } from "../../queue/tracker.ts";
import type { EndAnswer, EndChange } from "../store/change.ts";
import type { JobWriter } from "../writes/job-writer.ts";
import { isStoreDown } from "../writes/store-down.ts";
import { dispositionAfter, dispositionOf } from "./ends.ts";
import type { EndedJobs } from "./ended-jobs.ts";
import type { JobRun } from "./job-run.ts";
import { hasFlag, type TypePolicies } from "./types.ts";

/** Milliseconds between two tries to record an end that has to be recorded. */
const TRY_AGAIN_MS = 1_000;
/** Milliseconds until a message whose end could not be recorded is looked at again. */
const RELEASED_MS = 5_000;

/** The parts of a tracker that an {@link EndRecorder} uses. */
export interface EndRecorderOptions {
  readonly clock: Clock;
  readonly writer: JobWriter;
  readonly policies: TypePolicies;
  readonly ended: EndedJobs;
}

/** Records the ends of runs, and decides by the answer of the store what becomes of their messages. */
export class EndRecorder {
  readonly #options: EndRecorderOptions;
  readonly #clock: Clock;

  constructor(options: EndRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** @param draining aborts when the drain of the worker begins: nothing is waited for any more */
  record(
    job: JobRun,
    end: EndChange,
    asked: Disposition,
    draining: AbortSignal,
  ): Promise<Conclusion> | Conclusion {
    const { writer } = this.#options;
    if (!writer.isUp) return this.#unrecorded(job, end, asked, draining);
    const now = writer.writeNow(end);
    if (now !== undefined) {
      this.#remember(job, end, now);
      return dispositionAfter(now, asked, end);
    }
    return writer.write(end, job.seedBytes).then(
      (answer) => {
        this.#remember(job, end, answer);
        return dispositionAfter(answer, asked, end);
      },
      (error: unknown) =>
        isStoreDown(error) ? this.#unrecorded(job, end, asked, draining) : this.#refusedEnd(job, end, asked),
    );
  }

  /** The end could not be recorded, or it is not known. */
  #unrecorded(job: JobRun, end: EndChange, asked: Disposition, draining: AbortSignal): Promise<Conclusion> {
    const isWaiting =
      hasFlag(job.run.jobFlags, "wait") ||
      this.#options.policies.of(job.run.message.type).whenStoreIsDown === "wait";
    if (isWaiting && end.outcome !== "released") return this.#untilRecorded(job, end, asked, draining);
    this.#keep(job, end);
    return Promise.resolve(dispositionOf(end.outcome, asked));
  }

  /** Goes on trying for as long as the message is leased to this process. */
  async #untilRecorded(
    job: JobRun,
    end: EndChange,
    asked: Disposition,
    signal: AbortSignal,
  ): Promise<Conclusion> {
    const { writer } = this.#options;
    while (!job.isLeaseLost && !signal.aborted) {
      await sleep(this.#clock, TRY_AGAIN_MS, signal);
      if (job.isLeaseLost || !writer.isUp) continue;
      try {
        const answer = await writer.write(end, job.seedBytes);
        this.#remember(job, end, answer);
        return dispositionAfter(answer, asked, end);
      } catch (error) {
        if (!isStoreDown(error)) return this.#refusedEnd(job, end, asked);
      }
    }
    this.#keep(job, end);
    return { kind: "release", delayMs: RELEASED_MS, why: "store" };
  }

  /** The store cannot hold some part of the end, such as the result. The outcome is recorded without it. */
  async #refusedEnd(job: JobRun, end: EndChange, asked: Disposition): Promise<Conclusion> {
    const { writer } = this.#options;
    const bare: EndChange = {
      ...end,
      result: undefined,
      resultOmitted: end.result === undefined ? end.resultOmitted : "not_json",
      error: end.error === undefined ? undefined : { message: "the store cannot hold this error" },
      progressMessage: undefined,
      saved: undefined,
      steps: undefined,
      logs: undefined,
    };
    try {
      const answer = await writer.write(bare, job.seedBytes);
      this.#remember(job, bare, answer);
      return dispositionAfter(answer, asked, bare);
    } catch {
      this.#keep(job, bare);
      return dispositionOf(bare.outcome, asked);
    }
  }

  /** The end of a run that nobody waits for. */
  recordLate(job: JobRun, end: EndChange): void {
    this.#options.writer.write(end, job.seedBytes).then(
      (answer) => this.#remember(job, end, answer),
      (error: unknown) => isStoreDown(error) && this.#keep(job, end),
    );
  }

  #keep(job: JobRun, end: EndChange): void {
    // The message is settled as if the end were recorded. So a completion counts, whoever holds the job by then.
    this.#options.writer.keep(end.outcome === "completed" ? { ...end, isUntracked: true } : end);
    this.#remember(job, end);
  }

  /** @param answer undefined if the end is not recorded yet */
  #remember(
    { run, stamp, id }: JobRun,
    { outcome, deadLetterReason: reason, error }: EndChange,
    answer?: EndAnswer,
  ): void {
    // The job of a fenced run goes on elsewhere.
    if (answer?.verdict === "fenced") return;
    const status = answer?.verdict === "overruled" ? answer.status : outcome;
    if (status !== "completed" && status !== "failed" && status !== "cancelled") return;
    const { queue, message, redrive } = run;
    const { type } = message;
    this.#options.ended.add({
      id,
      status,
      queue,
      type,
      stamp,
      redrive,
      reason,
      error,
      isBuried: false,
    });
  }
}
