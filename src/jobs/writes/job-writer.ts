import { isQueueError, type QueueError } from "../../errors.ts";
import { Batcher } from "../../lib/batcher.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { show } from "../../lib/text.ts";
import { within } from "../../lib/wait.ts";
import { reasonOf } from "../reason.ts";
import type { JobAnswer, JobChange } from "../store/change.ts";
import type { JobStore } from "../store/job-store.ts";
import { isAnswerTo } from "./answer-words.ts";
import { Breaker, PROBE_EVERY_MS } from "./breaker.ts";
import { changeBytes } from "./change-bytes.ts";
import { Journal, type JournaledChange } from "./journal.ts";
import { Lanes } from "./lanes.ts";
import { isStoreDown, storeDown } from "./store-down.ts";
import { TimeLimits } from "./time-limits.ts";
import { Write, type WriteHost } from "./write.ts";
import type { AnswerTo, JobWriterOptions, WriterStats } from "./writer-types.ts";

/** Milliseconds within which a change is written, or counts as not written. */
export const WRITE_LIMIT_MS = 2_000;
const MAX_CHANGES = 1_000;
const MAX_BYTES = 1_048_576;
const MAX_CALLS = 2;
/** Milliseconds until a change is tried again whose call has failed. Doubles with each try. */
const RETRY_MS = 100;
/** The same for a change whose row was locked. */
const LOCKED_MS = 20;
const MAX_LOCKED_MS = 500;

/**
 * Writes the changes of one process to the store. Changes of one tick share a call, and so do those that come while calls
 * are in flight. A change of a job waits for the earlier ones of that job. An outage of the store is noticed once, and
 * ends meanwhile wait in a journal.
 */
export class JobWriter {
  readonly #store: JobStore;
  readonly #namespace: string;
  readonly #clock: Clock;
  readonly #warn: (code: string, message: string) => void;
  readonly #breaker: Breaker;
  readonly #journal: Journal = new Journal();
  readonly #limits: TimeLimits<Write>;
  readonly #batcher: Batcher<Write>;
  /** For changes whose row was locked: one a call, so that they hold up no others. */
  readonly #alone: Batcher<Write>;
  readonly #lanes: Lanes = new Lanes();
  readonly #host: WriteHost = {
    late: () => this.#late(),
    settled: (write) => this.#leaveLane(write),
  };
  readonly #watchers = new Set<() => void>();
  #catchingUp: Promise<void> | undefined;
  /** The next try to write what is kept, while the store is up. */
  #again: Timer | undefined;
  #isClosed = false;
  #calls = 0;
  #failed = 0;
  #changes = 0;
  #refused = 0;
  #isFullReported = false;
  #downSince = 0;

  constructor(store: JobStore, namespace: string, { clock, onWarning }: JobWriterOptions) {
    this.#store = store;
    this.#namespace = namespace;
    this.#clock = clock;
    this.#warn = onWarning;
    this.#limits = new TimeLimits(clock);
    this.#breaker = new Breaker({
      clock,
      probe: () =>
        within(clock, WRITE_LIMIT_MS, store.now(), () => {
          throw this.#late();
        }),
      onDown: (error) => this.#wentDown(error),
      onUp: () => this.#cameUp(),
    });
    const limits = { maxBytes: MAX_BYTES, bytesOf: ({ bytes }: Write): number => bytes, clock };
    const run = (writes: Write[]): Promise<void> => this.#call(writes);
    this.#batcher = new Batcher({ ...limits, maxItems: MAX_CHANGES, maxCalls: MAX_CALLS, run });
    this.#alone = new Batcher({ ...limits, maxItems: 1, maxCalls: 1, run });
  }

  /** False while the store counts as down: changes are then refused at once. */
  get isUp(): boolean {
    return this.#breaker.isUp;
  }

  /** Whether the store applies changes at once, so that nobody has to wait for them. False while it is down. */
  get isImmediate(): boolean {
    return this.#store.applyNow !== undefined && this.isUp;
  }

  /** Milliseconds for which the store has been down; 0 if it is up. */
  get downMs(): number {
    return this.isUp ? 0 : this.#clock.monotonic() - this.#downSince;
  }

  /** Calls `watcher` when the store goes down and when it is back, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  get stats(): WriterStats {
    const { size: journaled } = this.#journal;
    const dropped = this.#journal.dropped + this.#refused;
    return { calls: this.#calls, failed: this.#failed, changes: this.#changes, journaled, dropped };
  }

  /**
   * Writes a change, after the earlier ones of its job.
   *
   * @throws QueueError `store_unavailable` when the store has not confirmed the change within 2 s, or is down. The change
   * may have been written all the same. It can be written again.
   * @throws the error of the store, if it refuses the change
   * @param seedBytes the bytes of the job that the seed of the change would return. @default measured
   */
  write<Change extends JobChange>(change: Change, seedBytes?: number): Promise<AnswerTo<Change>> {
    if (!this.isUp || this.#isClosed)
      return Promise.reject(storeDown(this.#store.name, "the change was not written"));
    const answer = this.writeNow(change);
    if (answer !== undefined) return Promise.resolve(answer);
    if (this.#journal.size > 0 && this.#journal.has(change.id)) {
      for (const earlier of this.#journal.takeOf(change.id)) void this.#writeKept(earlier);
    }
    return this.#write(change, false, seedBytes) as Promise<AnswerTo<Change>>;
  }

  /**
   * Writes a change, and returns the answer, if the store can do that at once, and no earlier change of the job is on its
   * way. If not, nothing is done, and the change is for {@link write}, which also finds out what is wrong with it.
   */
  writeNow<Change extends JobChange>(change: Change): AnswerTo<Change> | undefined {
    const { id } = change;
    if (!this.isImmediate || this.#isClosed || this.#lanes.has(id) || this.#journal.has(id)) return undefined;
    let answer: JobAnswer | undefined;
    try {
      answer = this.#store.applyNow?.(this.#namespace, change);
    } catch {
      return undefined;
    }
    if (answer === undefined || answer.do === "again" || !isAnswerTo(change, answer)) return undefined;
    this.#calls += 1;
    this.#changes += 1;
    return answer as AnswerTo<Change>;
  }

  /** Writes a change when the store is back. A later change of its job is written after it. */
  keep(change: JournaledChange): void {
    this.#journal.add(change);
    if (this.#journal.dropped > 0 && !this.#isFullReported) {
      this.#isFullReported = true;
      this.#warn(
        "journal_full",
        `The job store "${this.#store.name}" is down for so long that changes are dropped. The records of some jobs stay as they are: reconcile them when the store is back.`,
      );
    }
    if (this.isUp) void this.#catchUp();
  }

  /**
   * Waits for the changes that are on their way, and tries to write those that are kept, also if the store counts as down.
   * Resolves with the number of changes that are left. To be called before the process may end.
   */
  async flush(): Promise<number> {
    await Promise.allSettled(this.#limits.pending().map(({ answer }) => answer));
    if (!this.isUp && this.#journal.size > 0) await this.#breaker.probe();
    await this.#catchUp();
    return this.#journal.size;
  }

  /** Writes what is left, as {@link flush} does, and refuses changes from now on. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const left = await this.flush();
    this.#again?.cancel();
    this.#breaker.close();
    this.#limits.close();
    if (left === 0) return;
    this.#warn(
      "journal_lost",
      `The job store "${this.#store.name}" was not back in time: ${left} change(s) of jobs are lost with this process. Their records stay as they are: reconcile them.`,
    );
  }

  #write(change: JobChange, isKept = false, seedBytes?: number): Promise<JobAnswer> {
    const until = this.#clock.monotonic() + WRITE_LIMIT_MS;
    const write = new Write(this.#host, change, changeBytes(change, seedBytes), until);
    write.isKept = isKept;
    this.#limits.add(write);
    const before = this.#lanes.last(change.id);
    this.#lanes.set(write);
    if (before === undefined) this.#begin(write);
    else before.next = write;
    return write.answer;
  }

  #begin(write: Write): void {
    write.isFirst = true;
    this.#batcher.add(write);
  }

  /**
   * The next change of the job may go. One that has expired meanwhile is passed over, unless it goes back into the journal:
   * a claim must not be granted before the end of the run before it is recorded.
   */
  #leaveLane(write: Write): void {
    if (!write.isFirst || write.isInFlight) return;
    let { next, blocks } = write;
    while (next !== undefined && (blocks || next.isSettled)) {
      if (blocks) next.failed(this.#late());
      else ({ blocks } = next);
      ({ next } = next);
    }
    if (next === undefined) this.#lanes.end(write.change.id);
    else this.#begin(next);
  }

  /** Carries out one call. Never rejects. */
  async #call(all: readonly Write[]): Promise<void> {
    const writes = all.filter(({ isSettled }) => !isSettled);
    if (writes.length === 0) return;
    this.#calls += 1;
    for (const write of writes) write.isInFlight = true;
    let answers: readonly JobAnswer[];
    try {
      const changes = writes.map(({ change }) => change);
      const applied = this.#store.apply(this.#namespace, changes);
      const late = (): never => {
        throw this.#late();
      };
      // A caller waits for the answer, and so does the process.
      answers = await within(this.#clock, WRITE_LIMIT_MS, applied, late, true);
      if (!Array.isArray(answers)) throw storeDown(this.#store.name, "its answer is no list of answers");
    } catch (error) {
      this.#landed(writes);
      this.#failed += 1;
      await this.#callFailed(writes, error);
      return;
    }
    this.#landed(writes);
    this.#breaker.answered();
    for (const [index, write] of writes.entries()) this.#answered(write, answers[index]);
    if (this.#journal.size > 0) void this.#catchUp();
  }

  /** The call has ended. A change that expired meanwhile has kept its place until now, so that no later one overtook it. */
  #landed(writes: readonly Write[]): void {
    for (const write of writes) {
      write.isInFlight = false;
      if (write.isSettled) this.#leaveLane(write);
    }
  }

  #answered(write: Write, answer: JobAnswer | undefined): void {
    if (answer === undefined) {
      write.failed(new Error(`the job store "${this.#store.name}" has left a change without an answer`));
    } else if (answer.do === "again") {
      const ms = Math.min(LOCKED_MS * 2 ** write.tries, MAX_LOCKED_MS);
      write.tries += 1;
      this.#clock.timer(ms, () => this.#alone.add(write), true);
    } else if (!isAnswerTo(write.change, answer)) {
      write.failed(
        new Error(
          `the job store "${this.#store.name}" has answered a ${write.change.kind} by ${show(answer.do)}`,
        ),
      );
    } else {
      this.#changes += 1;
      write.answered(answer);
    }
  }

  async #callFailed(writes: readonly Write[], error: unknown): Promise<void> {
    if (isStoreDown(error)) {
      this.#breaker.failed(error);
      this.#retry(writes.filter(({ isSettled }) => !isSettled));
    } else if (writes.length === 1 || isQueueError(error, "config") || isQueueError(error, "closed")) {
      for (const write of writes) write.failed(error);
    } else {
      // One change that the store cannot take fails the call of all of them. It is found by halves.
      const middle = writes.length >> 1;
      await this.#call(writes.slice(0, middle));
      await this.#call(writes.slice(middle));
    }
  }

  #retry(writes: readonly Write[]): void {
    const [first] = writes;
    if (first === undefined) return;
    const ms = RETRY_MS * 2 ** first.tries;
    for (const write of writes) write.tries += 1;
    const again = (): void => {
      for (const write of writes) if (!write.isSettled) this.#batcher.add(write);
    };
    this.#clock.timer(ms, again, true);
  }

  /** Writes the changes that were kept. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#writeJournal().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  async #writeJournal(): Promise<void> {
    let isLeft = false;
    while (this.isUp && !isLeft && this.#journal.size > 0) {
      const kept = this.#journal.take(MAX_CHANGES);
      const written = await Promise.all(kept.map((change) => this.#writeKept(change)));
      isLeft = written.includes(false);
    }
    if (isLeft && this.isUp && !this.#isClosed) {
      this.#again?.cancel();
      this.#again = this.#clock.timer(PROBE_EVERY_MS, () => void this.#catchUp());
    }
  }

  /** Whether it is written, or can never be. If not, it is kept further. Never rejects. */
  #writeKept(change: JournaledChange): Promise<boolean> {
    return this.#write(change, true).then(
      () => true,
      (error: unknown) => {
        if (isStoreDown(error)) {
          this.#journal.putBack(change);
          return false;
        }
        this.#refused += 1;
        this.#warn(
          "change_refused",
          `The job store "${this.#store.name}" refuses to record the ${change.kind} of job ${change.id}: ${reasonOf(error)}. Its record stays as it is.`,
        );
        return true;
      },
    );
  }

  #wentDown(error: unknown): void {
    this.#downSince = this.#clock.monotonic();
    const { name } = this.#store;
    this.#warn(
      "store_down",
      `The job store "${name}" cannot be reached: ${reasonOf(error)}. Jobs go on as \`whenStoreIsDown\` says; ends are recorded when it is back.`,
    );
    const refusal = storeDown(name, "the change was not written", error);
    for (const write of this.#limits.pending()) write.failed(refusal);
    for (const watcher of this.#watchers) watcher();
  }

  #cameUp(): void {
    this.#warn("store_up", `The job store "${this.#store.name}" is back.`);
    void this.#catchUp();
    for (const watcher of this.#watchers) watcher();
  }

  #late(): QueueError {
    return storeDown(this.#store.name, "it is not known whether the change was written");
  }
}
