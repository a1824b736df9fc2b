import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { reasonOf } from "../reason.ts";
import type { InsertChange, NewStoredJob } from "../store/change.ts";
import { plain } from "./facts.ts";
import { type Limited, TimeLimits } from "../writes/time-limits.ts";

/** Milliseconds for which a job that was sent waits for its record. */
const INSERT_MS = 1_000;

/** Records jobs that were sent. All of them share one timer. */
export class Insertions {
  readonly #context: JobsContext;
  readonly #limits: TimeLimits<Insertion>;

  constructor(context: JobsContext) {
    this.#context = context;
    this.#limits = new TimeLimits(context.clock);
  }

  /**
   * Records a job. False if the store does not confirm it in time: the job runs all the same, and its record follows. No
   * promise if the store records it at once.
   */
  insert(id: string, job: NewStoredJob): boolean | Promise<boolean> {
    const answer = this.#context.records.writer.writeNow({ kind: "insert", id, job });
    if (answer?.ok === true) return true;
    const change: InsertChange = { kind: "insert", id, job: plain(job) };
    return new Promise((resolve) => this.#insert(change, resolve));
  }

  #insert(change: InsertChange, ended: (isRecorded: boolean) => void): void {
    const { records, clock } = this.#context;
    const insertion = new Insertion(clock.monotonic() + INSERT_MS, ended);
    this.#limits.add(insertion);
    records.writer.write(change).then(
      ({ ok }) => {
        if (!ok) this.#refused(change);
        insertion.end(ok);
      },
      (error: unknown) => {
        this.#failed(change, error);
        insertion.end(false);
      },
    );
  }

  /** Ends its timer. To be called when all sends have an outcome. */
  close(): void {
    this.#limits.close();
  }

  /** A record is refused if it is old: its job may have ended and been deleted. A new job only seems old. */
  #refused({ job: { type, queue } }: InsertChange): void {
    this.#context.warn(
      "untracked",
      `A job of type ${show(type)} was sent to queue "${queue}" and was not recorded: by the clock of the job store it is too old. It runs all the same. Set the clock of this machine.`,
    );
  }

  /** The change is kept until the store is back, if the claim of a worker does not come first. */
  #failed(change: InsertChange, error: unknown): void {
    const { records, warn } = this.#context;
    const { type, queue } = change.job;
    records.writer.keep(change);
    warn(
      "untracked",
      `A job of type ${show(type)} was sent to queue "${queue}" and could not be recorded: ${reasonOf(error)}. It runs all the same; its record follows when the job store is back.`,
    );
  }
}

class Insertion implements Limited {
  readonly until: number;
  readonly #ended: (isRecorded: boolean) => void;
  isSettled = false;

  constructor(until: number, ended: (isRecorded: boolean) => void) {
    this.until = until;
    this.#ended = ended;
  }

  end(isRecorded: boolean): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#ended(isRecorded);
  }

  expire(): void {
    this.end(false);
  }
}
