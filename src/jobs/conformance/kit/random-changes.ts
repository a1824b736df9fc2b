import type { JobChange, NewStoredJob } from "../../store/change.ts";
import type { JobRow } from "../../store/job-row.ts";
import { type Changes, TAKEN_MS } from "./changes.ts";
import type { Random } from "./random.ts";

/** How often each kind of change is made. */
const KINDS: Readonly<Record<JobChange["kind"], number>> = {
  insert: 6,
  birth: 6,
  claim: 22,
  touch: 12,
  end: 22,
  buried: 3,
  dispatched: 5,
  undispatched: 4,
  cancel: 4,
  reopen: 6,
  promote: 3,
  assume: 4,
};

/** Creates random changes: most of them fit the state of their job, and some do not. */
export class RandomChanges {
  readonly #random: Random;
  readonly #make: Changes;
  /** Names given out, so that no two claims share a token by chance. */
  #names = 0;

  constructor(random: Random, make: Changes) {
    this.#random = random;
    this.#make = make;
  }

  of(id: string, row: JobRow | undefined): JobChange {
    const random = this.#random;
    const make = this.#make;
    const dispatch = (row?.dispatches ?? 0) - (random.chance(0.1) ? 1 : 0);
    switch (random.weighted(KINDS)) {
      case "insert":
        return make.insert(id, this.#job(id, row));
      case "birth":
        return make.birth(
          id,
          { ...this.#job(id, row), hash: random.pick(["h1", "h1", "h2"]) },
          {
            token: random.chance(0.5) ? `birth of ${id}` : this.#name(),
            dueInMs: random.pick([0, 0, 5_000, 3_600_000]),
            takenMs: random.pick([0, TAKEN_MS, 3_600_000]),
          },
        );
      case "claim":
        return this.#claim(id, row);
      case "touch":
        return this.#touch(id, row);
      case "end":
        return this.#end(id, row);
      case "buried":
        return make.buried(id, this.#generation(row));
      case "dispatched":
        return make.dispatched(id, dispatch);
      case "undispatched":
        return make.undispatched(id, {
          dispatch,
          failures: (row?.dispatch?.failures ?? 0) - (random.chance(0.2) ? 1 : 0),
          inMs: random.pick([0, 5_000, 5_000, undefined]),
        });
      case "cancel":
        return make.cancel(id, {
          reason: random.pick([undefined, "user left"]),
          onlyKnown: random.chance(0.3),
        });
      case "reopen":
        return make.reopen(id, random.chance(0.2) ? `retry of ${id}` : this.#name(), {
          force: random.chance(0.5),
          takenMs: random.pick([0, TAKEN_MS]),
        });
      case "promote":
        return make.promote(id, random.pick([0, TAKEN_MS]));
      default:
        return make.assume(
          id,
          random.pick(["completed", "failed", "lost"]),
          (row?.version ?? 1) - (random.chance(0.2) ? 1 : 0),
        );
    }
  }

  #claim(id: string, row: JobRow | undefined): JobChange {
    const random = this.#random;
    const attempts = { attemptsBefore: random.below(3), attemptsOfCopy: random.pick([0, 0, 1, 3]) };
    const leaseMs = random.pick([1_000, 30_000, 30_000, 600_000]);
    const redrive = this.#generation(row);
    const token = random.chance(0.15) ? (this.#tokenOf(row) ?? this.#name()) : this.#name();
    const workerId = random.pick(["w1", "w2"]);
    const wasDeadLetter = random.chance(0.1);
    return this.#make.claim(
      id,
      token,
      { ...attempts, leaseMs, redrive, wasDeadLetter, workerId },
      this.#job(id, row),
    );
  }

  #touch(id: string, row: JobRow | undefined): JobChange {
    const random = this.#random;
    const isReport = random.chance(0.7);
    return this.#make.touch(
      id,
      this.#tokenOf(row) ?? "none",
      (row?.hold?.seq ?? 0) + random.pick([1, 1, 1, 0, 2]),
      {
        leaseMs: random.pick([undefined, 30_000, 120_000]),
        ...(isReport
          ? { progress: random.below(101), progressMessage: random.pick([undefined, "half"]) }
          : {}),
        ...(random.chance(0.3) ? { saved: { value: { cursor: random.below(9) } } } : {}),
        ...(random.chance(0.3) ? { steps: { [`step${random.below(3)}`]: random.below(9) } } : {}),
        ...(random.chance(0.3)
          ? { logs: [{ at: 1, level: "info", message: `line ${random.below(99)}` }] }
          : {}),
      },
    );
  }

  #end(id: string, row: JobRow | undefined): JobChange {
    const random = this.#random;
    const token = random.chance(0.1) ? undefined : random.chance(0.15) ? this.#name() : this.#tokenOf(row);
    // Without a token, a message was refused.
    const outcome =
      token === undefined
        ? "failed"
        : random.weighted({ completed: 6, retrying: 5, failed: 4, cancelled: 1, released: 3 });
    return this.#make.end(
      id,
      token,
      outcome,
      {
        isUntracked: token !== undefined && random.chance(0.2),
        generation: this.#generation(row),
        attempt: Math.max(1, (row?.runs ?? 1) - (random.chance(0.1) ? 1 : 0)),
        inMs: random.pick([0, 5_000, 120_000]),
        result:
          outcome === "completed" && random.chance(0.7) ? { value: { sum: random.below(99) } } : undefined,
        resultOmitted: random.chance(0.1) ? "too_large" : undefined,
        durationMs: random.below(5_000),
        workerId: random.pick(["w1", "w2"]),
        deadLetterReason: outcome === "failed" ? random.pick([undefined, "permanent"]) : undefined,
        ...(random.chance(0.1) ? { seed: undefined } : {}),
      },
      this.#job(id, row),
    );
  }

  /** The facts of a job: mostly the same for one id, and sometimes those of another message. */
  #job(id: string, row: JobRow | undefined): Partial<NewStoredJob> {
    const random = this.#random;
    const isOther = random.chance(0.08);
    const number = Number(id.replaceAll(/\D/g, ""));
    return {
      queue: isOther && random.chance(0.5) ? "others" : (["emails", "invoices"][number % 2] as string),
      type: isOther && random.chance(0.3) ? "other" : (["email", "report"][(number >> 1) % 2] as string),
      stamp: random.chance(0.05) ? undefined : isOther ? "stamp-2" : "stamp-1",
      maxAttempts: 3,
      createdAt:
        row === undefined || row.type === ""
          ? this.#make.job().createdAt - random.pick([0, 5, 3_600_000])
          : row.createdAt,
      priority: random.pick([undefined, "high"]),
      tenant: random.pick([undefined, "acme"]),
      tags: random.pick([undefined, [], ["x"], ["x", "y"]]),
      message: { payload: { number, text: random.pick(["one", "two"]) } },
    };
  }

  #generation(row: JobRow | undefined): number {
    return Math.max(0, (row?.generation ?? 0) + this.#random.pick([0, 0, 0, 0, 1, -1]));
  }

  /** The token of the run that holds the job, or of the last that ended. */
  #tokenOf(row: JobRow | undefined): string | undefined {
    return row?.hold?.token ?? row?.ended?.token;
  }

  #name(): string {
    this.#names += 1;
    return `name-${this.#names}`;
  }
}
