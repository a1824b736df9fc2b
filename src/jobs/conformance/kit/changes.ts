import type {
  AssumeChange,
  BirthChange,
  BuriedChange,
  CancelChange,
  ClaimChange,
  DispatchedChange,
  EndChange,
  InsertChange,
  JobChange,
  NewStoredJob,
  PromoteChange,
  ReopenChange,
  TouchChange,
  UndispatchedChange,
} from "../../store/change.ts";
import type { StoreClock } from "../harness.ts";

/** The options of a change. Every one has a default. */
type Options<Change extends JobChange> = Partial<Omit<Change, "kind" | "id">>;

/** Milliseconds for which claims hold a job, unless the case says otherwise. */
export const LEASE_MS = 30_000;
/** Milliseconds for which a dispatch is taken. */
export const TAKEN_MS = 35_000;

/** Creates changes with defaults: e-mails in the queue `emails`, created now. */
export class Changes {
  readonly #clock: StoreClock;

  constructor(clock: StoreClock) {
    this.#clock = clock;
  }

  job(options: Partial<NewStoredJob> = {}): NewStoredJob {
    return {
      type: "email",
      queue: "emails",
      maxAttempts: 5,
      createdAt: this.#clock.now(),
      stamp: "stamp",
      message: { payload: { to: "ada" } },
      ...options,
    };
  }

  insert(id: string, job: Partial<NewStoredJob> = {}): InsertChange {
    return { kind: "insert", id, job: this.job(job) };
  }

  birth(id: string, job: Partial<NewStoredJob> = {}, options: Options<BirthChange> = {}): BirthChange {
    const facts = this.job({ hash: "hash", ...job });
    return { kind: "birth", id, job: facts, token: `birth of ${id}`, dueInMs: 0, takenMs: 0, ...options };
  }

  claim(
    id: string,
    token: string,
    options: Options<ClaimChange> = {},
    job: Partial<NewStoredJob> = {},
  ): ClaimChange {
    const facts = this.job(job);
    return {
      kind: "claim",
      id,
      token,
      workerId: `worker of ${token}`,
      queue: facts.queue,
      type: facts.type,
      stamp: facts.stamp ?? "",
      redrive: 0,
      wasDeadLetter: false,
      attemptsBefore: 0,
      attemptsOfCopy: 0,
      leaseMs: LEASE_MS,
      seed: () => facts,
      ...options,
    };
  }

  touch(id: string, token: string, seq: number, options: Options<TouchChange> = {}): TouchChange {
    return { kind: "touch", id, token, seq, ...options };
  }

  /** An end of the first attempt of the first generation. */
  end(
    id: string,
    token: string | undefined,
    outcome: EndChange["outcome"],
    options: Options<EndChange> = {},
    job: Partial<NewStoredJob> = {},
  ): EndChange {
    const facts = this.job(job);
    const isFailure = outcome === "retrying" || outcome === "failed";
    return {
      kind: "end",
      id,
      token,
      isUntracked: false,
      seq: 1_000,
      generation: 0,
      attempt: 1,
      outcome,
      workerId: `worker of ${token}`,
      durationMs: 10,
      error: isFailure ? { message: "no route", code: "no_route", fingerprint: "f1" } : undefined,
      seed: () => facts,
      ...options,
    };
  }

  buried(id: string, generation = 0): BuriedChange {
    return { kind: "buried", id, generation };
  }

  dispatched(id: string, dispatch = 0): DispatchedChange {
    return { kind: "dispatched", id, dispatch };
  }

  undispatched(id: string, options: Options<UndispatchedChange> = {}): UndispatchedChange {
    return {
      kind: "undispatched",
      id,
      dispatch: 0,
      failures: 0,
      error: { message: "too large" },
      ...options,
    };
  }

  cancel(id: string, options: Options<CancelChange> = {}): CancelChange {
    return { kind: "cancel", id, ...options };
  }

  reopen(id: string, token: string, options: Options<ReopenChange> = {}): ReopenChange {
    return { kind: "reopen", id, token, force: false, takenMs: 0, ...options };
  }

  promote(id: string, takenMs = 0): PromoteChange {
    return { kind: "promote", id, takenMs };
  }

  assume(id: string, outcome: AssumeChange["outcome"], version: number): AssumeChange {
    return { kind: "assume", id, outcome, reason: "its message is gone", version };
  }
}
