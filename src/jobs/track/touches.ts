import { QueueError } from "../../errors.ts";
import { inThisContext } from "../../lib/async-context.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import { InFlightSet } from "../../lib/in-flight-set.ts";
import { within } from "../../lib/wait.ts";
import type { PlainAnswer } from "../store/change.ts";
import type { JobStore } from "../store/job-store.ts";
import { type JobWriter, WRITE_LIMIT_MS } from "../writes/job-writer.ts";
import { isStoreDown } from "../writes/store-down.ts";
import { type JobRun, joined, type Report } from "./job-run.ts";

/** Milliseconds between two looks for runs that were not touched for long. */
const BEAT_MS = 10_000;
/** Milliseconds after which a run is touched, also if its lease was not extended. */
const UNTOUCHED_MS = 15_000;
/** Milliseconds between two reports of a run. */
const REPORT_EVERY_MS = 1_000;
/** Milliseconds from the start of a run to its first report: shorter runs report with their end alone. */
const FIRST_REPORT_MS = 250;
/** Milliseconds between two looks for cancellations in a store that does not announce them. */
const POLL_MS = 1_000;
/** Milliseconds for which a claim outlives the lease of its message: until the broker has redelivered it. */
export const BEYOND_LEASE_MS = 2_000;

/** The parts of a process that {@link Touches} uses. */
export interface TouchesOptions {
  readonly clock: Clock;
  readonly store: JobStore;
  readonly namespace: string;
  readonly writer: JobWriter;
}

/**
 * Keeps the claims of the runs of one worker, writes what their handlers report, and aborts those that are cancelled. A
 * claim follows the lease of its message: it is extended after the lease was.
 */
export class Touches {
  readonly #options: TouchesOptions;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  readonly #running = new InFlightSet<JobRun>();
  /** In a context of its own, since a hint may come in that of any caller: a store may give it while it applies a change. */
  readonly #lookAt = inThisContext((id: string) => {
    // A hint may be wrong or late; the answer to a touch is not.
    for (const job of this.#running.all()) if (job.id === id) this.touch(job);
  });
  #beat: Timer | undefined;
  #poll: Timer | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: TouchesOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#deadlines = new Deadlines(options.clock);
  }

  /** Begins to look for cancellations. */
  start(): void {
    const { store, namespace } = this.#options;
    this.#unlisten ??= store.listen(namespace, (hint, id) => {
      if (hint === "cancel") this.#lookAt(id);
    });
    this.#beatLater();
    if (store.capabilities.shared && store.capabilities.pushMs === 0) this.#pollLater();
  }

  stop(): void {
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#beat?.cancel();
    this.#beat = undefined;
    this.#poll?.cancel();
    this.#poll = undefined;
    this.#deadlines.clear();
  }

  begin(job: JobRun): void {
    job.running = this.#running.add(job);
  }

  /** The run has ended: its last reports go with its end. */
  end(job: JobRun): void {
    if (job.running !== undefined) this.#running.remove(job.running);
    this.#deadlines.cancel(job);
  }

  /** The ids of the jobs that run. */
  ids(): string[] {
    return this.#running.all().map(({ id }) => id);
  }

  /** Writes a report soon, with those that come until then. */
  report(job: JobRun, report: Report): void {
    if (job.isConcluded) return;
    job.add(report);
    if (job.mode !== "tracked" || job.heapIndex >= 0) return;
    const earliest =
      job.reportedAt === undefined ? job.claimedAt + FIRST_REPORT_MS : job.reportedAt + REPORT_EVERY_MS;
    job.at = Math.max(this.#clock.monotonic(), earliest);
    this.#deadlines.set(job);
  }

  /**
   * Writes a report now, and everything that waits. Resolves with the answer, or with undefined if the store could not be
   * reached: the report then goes with a later touch, or with the end.
   *
   * @throws the error of the store, if it refuses the report
   */
  reportNow(job: JobRun, report: Report): Promise<PlainAnswer | undefined> {
    job.add(report);
    if (job.mode !== "tracked" || !this.#options.writer.isUp) return Promise.resolve(undefined);
    return this.#write(job);
  }

  /** Extends the claim of a run, and writes what waits. */
  touch(job: JobRun): void {
    if (job.isConcluded || !this.#options.writer.isUp) return;
    this.#write(job).catch(() => undefined);
  }

  #write(job: JobRun): Promise<PlainAnswer | undefined> {
    const report = job.takeReport();
    const now = this.#clock.monotonic();
    job.seq += 1;
    job.touchedAt = now;
    if (report !== undefined) job.reportedAt = now;
    this.#deadlines.cancel(job);
    const { id, token, seq, run, isLeaseLost } = job;
    const leaseMs = isLeaseLost ? undefined : Math.max(0, run.leaseUntil - now) + BEYOND_LEASE_MS;
    const writing = this.#options.writer.write({ kind: "touch", id, token, seq, leaseMs, ...report }).then(
      (answer) => {
        this.#observe(job, answer);
        return answer;
      },
      (error: unknown) => {
        // A report that the store refuses would make it refuse the end as well.
        if (!isStoreDown(error)) throw error;
        job.report = joined(report, job.report);
        return undefined;
      },
    );
    if (report !== undefined) {
      const done = Promise.all([job.reporting, writing.catch(() => undefined)]).then(() => {
        if (job.reporting === done) job.reporting = undefined;
      });
      job.reporting = done;
    }
    return writing;
  }

  #observe(job: JobRun, { cancelRequested, isFenced, row }: PlainAnswer): void {
    // A job without a record is nobody else's.
    if (cancelRequested === true || (isFenced === true && row?.status === "cancelled"))
      this.#cancel(job, row?.cancelReason);
    else if (isFenced === true && row !== undefined && !job.isConcluded) job.run.abort(fenced(job));
  }

  #cancel(job: JobRun, reason: string | undefined): void {
    if (job.isCancelled || job.isConcluded) return;
    job.isCancelled = true;
    job.run.abort(cancelled(job, reason));
  }

  #beatLater(): void {
    this.#beat ??= this.#clock.timer(BEAT_MS, () => {
      this.#beat = undefined;
      const now = this.#clock.monotonic();
      for (const job of this.#running.all()) if (now - job.touchedAt >= UNTOUCHED_MS) this.touch(job);
      this.#beatLater();
    });
  }

  #pollLater(): void {
    this.#poll = this.#clock.timer(POLL_MS, () => {
      this.#lookForCancellations().then(
        () => this.#poll !== undefined && this.#pollLater(),
        () => this.#poll !== undefined && this.#pollLater(),
      );
    });
  }

  async #lookForCancellations(): Promise<void> {
    const { store, namespace, writer } = this.#options;
    const ids = this.ids();
    if (ids.length === 0 || !writer.isUp) return;
    const found = await within(this.#clock, WRITE_LIMIT_MS, store.get(namespace, ids), () => []);
    const running = new Map(this.#running.all().map((job) => [job.id, job]));
    for (const one of found) {
      const job = one === undefined ? undefined : running.get(one.row.id);
      if (job === undefined || one?.row.hold?.token !== job.token) continue;
      if (one.row.cancelRequestedAt !== undefined) this.#cancel(job, one.row.cancelReason);
    }
  }
}

function cancelled({ id, run }: JobRun, reason: string | undefined): QueueError {
  const why = reason === undefined ? "" : `: ${reason}`;
  const sentence = `The job ${id} of queue "${run.queue}" was cancelled${why}. Stop; if the handler throws, the job is not tried again.`;
  return new QueueError("cancelled", sentence, { queue: run.queue });
}

function fenced({ id, run }: JobRun): QueueError {
  const sentence = `The claim of job ${id} of queue "${run.queue}" has lapsed, and another run has taken the job over. Stop; the result of this run is discarded.`;
  return new QueueError("lease_lost", sentence, { queue: run.queue });
}
