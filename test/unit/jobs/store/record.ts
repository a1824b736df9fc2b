import type {
  BirthAnswer,
  ClaimAnswer,
  ClaimChange,
  EndAnswer,
  EndChange,
  JobChange,
  NewStoredJob,
  PlainAnswer,
  TouchChange,
} from "../../../../src/jobs/store/change.ts";
import type { JobRow } from "../../../../src/jobs/store/job-row.ts";
import { taken } from "../../../../src/jobs/store/birth-rules.ts";
import { transition } from "../../../../src/jobs/store/transition.ts";

export const START = 1_800_000_000_000;
export const ID = "job-1";
export const LEASE_MS = 30_000;

/** The facts of the message that most tests are about. */
export function facts(changes: Partial<NewStoredJob> = {}): NewStoredJob {
  return {
    type: "email",
    queue: "emails",
    maxAttempts: 5,
    createdAt: START,
    stamp: "stamp-1",
    message: { payload: { to: "ada" } },
    ...changes,
  };
}

type Options<Change> = Partial<Omit<Change, "kind" | "id">>;

/** The record of one job, to which a test applies changes, each at the time that the test has set. */
export class Record {
  row: JobRow | undefined;
  now: number = START;

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  apply(change: JobChange): ReturnType<typeof transition> {
    const after = transition(this.row, change, this.now);
    this.row = after.row;
    return after;
  }

  /** The retention has deleted the record. */
  prune(): void {
    this.row = undefined;
  }

  insert(job: Partial<NewStoredJob> = {}): PlainAnswer {
    return this.apply({ kind: "insert", id: ID, job: facts(job) }).answer as PlainAnswer;
  }

  birth(
    options: { job?: NewStoredJob; token?: string; dueInMs?: number; takenMs?: number } = {},
  ): BirthAnswer {
    const { job = facts({ hash: "hash-1" }), token = "birth-1", dueInMs = 0, takenMs = 35_000 } = options;
    return this.apply({ kind: "birth", id: ID, job, token, dueInMs, takenMs }).answer as BirthAnswer;
  }

  claim(
    token: string,
    options: Options<ClaimChange> & { message?: Partial<NewStoredJob> } = {},
  ): ClaimAnswer {
    const { message = {}, ...rest } = options;
    const job = facts(message);
    return this.apply({
      kind: "claim",
      id: ID,
      token,
      workerId: `worker of ${token}`,
      queue: job.queue,
      type: job.type,
      stamp: job.stamp ?? "",
      redrive: 0,
      wasDeadLetter: false,
      attemptsBefore: 0,
      attemptsOfCopy: 0,
      leaseMs: LEASE_MS,
      seed: () => job,
      ...rest,
    }).answer as ClaimAnswer;
  }

  touch(token: string, seq: number, options: Options<TouchChange> = {}): PlainAnswer {
    return this.apply({ kind: "touch", id: ID, token, seq, ...options }).answer as PlainAnswer;
  }

  end(
    token: string | undefined,
    outcome: EndChange["outcome"],
    options: Options<EndChange> & { message?: Partial<NewStoredJob> } = {},
  ): EndAnswer {
    const { message = {}, ...rest } = options;
    return this.apply({
      kind: "end",
      id: ID,
      token,
      isUntracked: false,
      seq: 100,
      generation: this.row?.generation ?? 0,
      attempt: this.row?.runs ?? 1,
      outcome,
      workerId: `worker of ${token}`,
      durationMs: 10,
      error: outcome === "retrying" || outcome === "failed" ? { message: "no route" } : undefined,
      seed: () => facts(message),
      ...rest,
    }).answer as EndAnswer;
  }

  buried(generation: number = this.row?.generation ?? 0): PlainAnswer {
    return this.apply({ kind: "buried", id: ID, generation }).answer as PlainAnswer;
  }

  /** Takes the dispatch of the row, as `takeDue` does. Undefined if there was nothing to take. */
  take(takenMs = 35_000): JobRow | undefined {
    const next = this.row === undefined ? undefined : taken(this.row, this.now, takenMs);
    if (next !== undefined) this.row = next;
    return next;
  }

  dispatched(dispatch: number = this.row?.dispatches ?? 0): PlainAnswer {
    return this.apply({ kind: "dispatched", id: ID, dispatch }).answer as PlainAnswer;
  }

  undispatched(inMs: number | undefined, from: JobRow | undefined = this.row): PlainAnswer {
    return this.apply({
      kind: "undispatched",
      id: ID,
      dispatch: from?.dispatches ?? 0,
      failures: from?.dispatch?.failures ?? 0,
      inMs,
      error: { message: "refused by the queue" },
    }).answer as PlainAnswer;
  }

  cancel(reason?: string, onlyKnown = false): PlainAnswer {
    return this.apply({ kind: "cancel", id: ID, reason, onlyKnown }).answer as PlainAnswer;
  }

  reopen(token: string, options: { force?: boolean; takenMs?: number } = {}): PlainAnswer {
    const { force = false, takenMs = 35_000 } = options;
    return this.apply({ kind: "reopen", id: ID, token, force, takenMs }).answer as PlainAnswer;
  }

  promote(takenMs = 35_000): PlainAnswer {
    return this.apply({ kind: "promote", id: ID, takenMs }).answer as PlainAnswer;
  }

  assume(outcome: "completed" | "failed" | "lost", version: number = this.row?.version ?? 0): PlainAnswer {
    return this.apply({ kind: "assume", id: ID, outcome, reason: "gone", version }).answer as PlainAnswer;
  }
}

/** The record of a job that a worker holds by the token `a`. */
export function running(): Record {
  const record = new Record();
  record.insert();
  record.claim("a");
  return record;
}

/** The record of a job that has failed for good. */
export function failed(): Record {
  const record = running();
  record.end("a", "failed");
  return record;
}

/** The record of a job that is completed. */
export function completed(): Record {
  const record = running();
  record.end("a", "completed");
  return record;
}
