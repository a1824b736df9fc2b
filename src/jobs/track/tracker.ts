import { describeError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { newId } from "../../lib/ids.ts";
import { show } from "../../lib/text.ts";
import type { Disposition } from "../../queue/disposition.ts";
import type { Conclusion, RunClaim, TrackedRun, Tracker } from "../../queue/tracker.ts";
import type { ClaimAnswer, ClaimChange, EndChange } from "../store/change.ts";
import { isStoreDown } from "../writes/store-down.ts";
import { runClaimOf } from "./claim-answers.ts";
import { EndRecorder } from "./end-recorder.ts";
import { dispositionAfter, endOf, jobErrorOf } from "./ends.ts";
import type { EndedJobs } from "./ended-jobs.ts";
import { JobRun } from "./job-run.ts";
import { Outage } from "./outage.ts";
import { seedOf, stampOfRun } from "./seed.ts";
import { BEYOND_LEASE_MS, Touches, type TouchesOptions } from "./touches.ts";
import { hasFlag, type TypePolicies } from "./types.ts";

/** The parts of a process that a {@link JobTracker} uses. */
export interface JobTrackerOptions extends TouchesOptions {
  readonly workerId: string;
  readonly policies: TypePolicies;
  /** The jobs that ended in this process, shared by its workers. */
  readonly ended: EndedJobs;
  /** The queues in which this process has run jobs that were retried or redriven: an earlier dead letter may be left of them. */
  readonly retriedIn: Set<string>;
  readonly onWarning: (code: string, message: string) => void;
}

/**
 * Connects the runs of one worker with the store. A run is claimed before its handler is called, and its end is recorded
 * before its message is settled. So a crash in between is a redelivery whose claim is answered from the record.
 */
export class JobTracker implements Tracker {
  readonly touches: Touches;
  readonly #options: JobTrackerOptions;
  readonly #clock: Clock;
  readonly #outage: Outage;
  readonly #ends: EndRecorder;
  #draining = new AbortController();
  readonly #warned = new Set<string>();
  /** The beginning of the tokens of all claims. Drawn once, since drawing an id for each takes time. */
  readonly #name: string;
  #claims = 0;
  readonly #flush = (job: JobRun): void => this.touches.touch(job);

  constructor(options: JobTrackerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#name = newId(options.clock.now());
    this.#outage = new Outage(options.ended);
    this.#ends = new EndRecorder(options);
    this.touches = new Touches(options);
  }

  /** Whether the worker drains: iterations stop between two items. */
  get isDraining(): boolean {
    return this.#draining.signal.aborted;
  }

  /** Epoch milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** Milliseconds of the monotonic clock. */
  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** To be called when the worker begins. */
  begin(): void {
    this.#draining = new AbortController();
    this.touches.start();
  }

  /** To be called when the drain of the worker begins. */
  drain(): void {
    this.#draining.abort();
  }

  claim(run: TrackedRun): Promise<RunClaim> | RunClaim | undefined {
    const { policies, writer } = this.#options;
    if (!this.#isTracked(run)) return undefined;
    const now = this.#clock.monotonic();
    this.#claims += 1;
    const job = new JobRun(run, `${this.#name}-${this.#claims}`, stampOfRun(run), now, this.#flush);
    run.tracking = job;
    const atOnce = writer.isImmediate ? writer.writeNow(this.#claimOf(job, now)) : undefined;
    if (atOnce !== undefined) return this.#claimed(job, atOnce);
    const { whenStoreIsDown } = policies.of(run.message.type);
    const mode = hasFlag(run.jobFlags, "wait") ? "wait" : whenStoreIsDown;
    if (!writer.isUp) return Promise.resolve(this.#unanswered(job, mode));
    return this.#claim(job).then(
      (answer) => this.#claimed(job, answer),
      (error: unknown) =>
        isStoreDown(error) ? this.#claimLost(job, mode) : this.#claimWithoutMessage(job, mode),
    );
  }

  concluding(run: TrackedRun, disposition: Disposition): Promise<Conclusion> | Conclusion | undefined {
    const job = run.tracking;
    if (!(job instanceof JobRun)) return this.#refused(run, disposition);
    if (job.mode === "foreign" || job.mode === "claiming") return undefined;
    job.isConcluded = true;
    const { reporting } = job;
    // Reports that are on their way, and whose call fails, go with the end.
    return reporting === undefined
      ? this.#conclude(job, disposition)
      : reporting.then(() => this.#conclude(job, disposition));
  }

  buried(run: TrackedRun): void {
    const job = run.tracking;
    const isOurs = job instanceof JobRun ? job.mode !== "foreign" : this.#isTracked(run);
    if (!isOurs) return;
    const { writer, ended } = this.#options;
    const { id } = run.message;
    const generation = job instanceof JobRun ? job.generation : run.redrive;
    const change = { kind: "buried", id, generation } as const;
    ended.buried(id);
    if (writer.isUp)
      writer.write(change).catch((error: unknown) => isStoreDown(error) && writer.keep(change));
    else writer.keep(change);
  }

  extended(run: TrackedRun): void {
    const job = run.tracking;
    if (job instanceof JobRun && job.mode === "tracked") this.touches.touch(job);
  }

  leaseLost(run: TrackedRun): void {
    const job = run.tracking;
    // The claim is not extended any more, and lapses.
    if (job instanceof JobRun) job.isLeaseLost = true;
  }

  late(run: TrackedRun, disposition: Disposition): void {
    const job = run.tracking;
    if (!(job instanceof JobRun) || job.mode === "foreign" || job.mode === "claiming") return;
    job.isConcluded = true;
    this.touches.end(job);
    const end = this.#endOf(job, disposition);
    if (job.mode === "untracked" && end.outcome === "released") {
      this.#withdraw(job);
      return;
    }
    this.#ends.recordLate(job, end);
  }

  #isTracked({ message, jobFlags }: TrackedRun): boolean {
    return this.#options.policies.of(message.type).track === "full" || hasFlag(jobFlags, "full");
  }

  #claim(job: JobRun): Promise<ClaimAnswer> {
    return this.#options.writer.write(this.#claimOf(job, this.#clock.monotonic()), job.seedBytes);
  }

  #claimOf({ run, token, stamp, seed }: JobRun, now: number): ClaimChange {
    const { workerId } = this.#options;
    const { message, queue, redrive, wasDeadLetter, attempt, attemptsOfCopy, leaseUntil } = run;
    return {
      kind: "claim",
      id: message.id,
      token,
      workerId,
      queue,
      type: message.type,
      stamp,
      redrive,
      wasDeadLetter,
      attemptsBefore: attempt - 1,
      attemptsOfCopy,
      leaseMs: Math.max(0, leaseUntil - now) + BEYOND_LEASE_MS,
      seed,
    };
  }

  /** The store cannot hold the message. The run is recorded without it. */
  #claimWithoutMessage(job: JobRun, mode: "run" | "wait"): Promise<RunClaim> {
    job.dropMessage();
    return this.#claim(job).then(
      (answer) => this.#claimed(job, answer),
      (error: unknown) => {
        if (isStoreDown(error)) return this.#claimLost(job, mode);
        this.#warnRefused(job, error);
        return this.#unanswered(job, mode);
      },
    );
  }

  /** The claim was not answered in time. The store may have granted it. */
  #claimLost(job: JobRun, mode: "run" | "wait"): RunClaim {
    job.mayBeHeld = true;
    const claim = this.#unanswered(job, mode);
    if (!claim.run) this.#withdraw(job);
    return claim;
  }

  /** Gives a claim back that the store may have granted: the run did not begin, or does not count. */
  #withdraw({ mayBeHeld, id, token, generation, run }: JobRun): void {
    if (!mayBeHeld) return;
    const { writer, workerId } = this.#options;
    const { attempt } = run;
    const end: EndChange = {
      kind: "end",
      id,
      token,
      isUntracked: false,
      seq: 1,
      generation,
      attempt,
      outcome: "released",
      workerId,
      durationMs: 0,
    };
    if (writer.isUp)
      writer.write(end).catch((error: unknown) => {
        if (isStoreDown(error)) writer.keep(end);
      });
    else writer.keep(end);
  }

  #claimed(job: JobRun, answer: ClaimAnswer): RunClaim {
    if (answer.do === "run") {
      job.granted = answer;
      job.mode = "tracked";
      if (job.run.redrive > 0) this.#options.retriedIn.add(job.run.queue);
      this.touches.begin(job);
    } else if (answer.do === "foreign") {
      job.mode = "foreign";
      this.#warnForeign(job, answer.why);
    }
    return runClaimOf(answer);
  }

  #unanswered(job: JobRun, mode: "run" | "wait"): RunClaim {
    const claim = this.#outage.decide(job, mode, this.#options.writer.downMs);
    if (claim.run) {
      job.mode = "untracked";
      job.keepSeed();
    }
    return claim;
  }

  #conclude(job: JobRun, asked: Disposition): Promise<Conclusion> | Conclusion {
    this.touches.end(job);
    const end = this.#endOf(job, asked);
    if (job.mode === "untracked" && end.outcome === "released") {
      this.#withdraw(job);
      return asked;
    }
    return this.#ends.record(job, end, asked, this.#draining.signal);
  }

  /** A message that is dead-lettered without a claim: the record has to say so, unless the job is over otherwise. */
  #refused(run: TrackedRun, asked: Disposition): Promise<Conclusion> | undefined {
    if (asked.kind !== "dead_letter" || !this.#isTracked(run)) return undefined;
    const { writer, workerId } = this.#options;
    const { message, redrive, attempt } = run;
    const seed = seedOf(run, stampOfRun(run));
    const end: EndChange = {
      kind: "end",
      id: message.id,
      isUntracked: false,
      seq: 0,
      generation: redrive,
      attempt: attempt - 1,
      outcome: "failed",
      error: jobErrorOf(asked.error, message.type, asked),
      deadLetterReason: asked.reason,
      workerId,
      durationMs: 0,
      seed: () => seed,
    };
    return writer.write(end).then(
      (answer) => dispositionAfter(answer, asked, end),
      (error: unknown) => {
        if (isStoreDown(error)) writer.keep(end);
        return asked;
      },
    );
  }

  #endOf(job: JobRun, asked: Disposition): EndChange {
    return endOf(job, asked, this.#options.workerId, this.#clock.monotonic());
  }

  #warnRefused({ run: { message, queue } }: JobRun, error: unknown): void {
    this.#options.onWarning(
      "claim_refused",
      `The job store refuses the claim of job ${message.id} of type ${show(message.type)} in queue "${queue}": ${describeError(error)}. It goes on as if the store were down.`,
    );
  }

  #warnForeign({ id, run }: JobRun, why: "id_conflict" | "id_reused"): void {
    const { type } = run.message;
    const key = `${why} ${type}`;
    if (this.#warned.has(key) || this.#warned.size >= 1_000) return;
    this.#warned.add(key);
    const what =
      why === "id_conflict"
        ? "belongs to a job of another queue or type"
        : "belongs to another message, as its producer uses ids again";
    this.#options.onWarning(
      why,
      `The id ${show(id)} of a ${show(type)} message in queue "${run.queue}" ${what}. Such jobs run, and are not tracked: give each message an id of its own. Said once for this type.`,
    );
  }
}
