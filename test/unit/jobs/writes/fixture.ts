import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import type {
  ClaimChange,
  EndChange,
  InsertChange,
  JobChange,
  NewStoredJob,
  TouchChange,
} from "../../../../src/jobs/store/change.ts";
import type { StoredJob } from "../../../../src/jobs/store/job-row.ts";
import type { JobStore } from "../../../../src/jobs/store/job-store.ts";
import { faultyJobStore, type StoreFault } from "../../../../src/jobs/testing/faulty-job-store.ts";
import { JobWriter } from "../../../../src/jobs/writes/job-writer.ts";
import { FakeClock } from "../../../../src/testing/fake-clock.ts";

/** A writer on a memory store that fails as a test says. */
export class WriterFixture {
  readonly clock: FakeClock = new FakeClock();
  readonly calls: JobChange[][] = [];
  readonly warnings: string[] = [];
  fault: (changes: readonly JobChange[]) => StoreFault | undefined = () => undefined;
  /** The fault of every other method. */
  probe: StoreFault | undefined;
  readonly memory: JobStore = memoryJobStore({ clock: this.clock });
  readonly writer: JobWriter;

  constructor(store?: (memory: JobStore) => JobStore) {
    const faulty = faultyJobStore(store?.(this.memory) ?? this.memory, {
      clock: this.clock,
      before: ({ method, changes }) => {
        if (method !== "apply") return this.probe;
        this.calls.push([...changes]);
        return this.fault(changes);
      },
    });
    this.writer = new JobWriter(faulty, "test", {
      clock: this.clock,
      onWarning: (code) => this.warnings.push(code),
    });
  }

  get sizes(): number[] {
    return this.calls.map(({ length }) => length);
  }

  async row(id: string): Promise<StoredJob | undefined> {
    const [found] = await this.memory.get("test", [id], ["saved", "result"]);
    return found;
  }

  async settle(): Promise<void> {
    await this.clock.settle();
  }
}

export function job(createdAt: number): NewStoredJob {
  return { type: "t", queue: "jobs", maxAttempts: 5, createdAt, message: { payload: 1 } };
}

export function insert(id: string, createdAt: number = Date.UTC(2026, 0, 1)): InsertChange {
  return { kind: "insert", id, job: job(createdAt) };
}

export function claim(id: string, token: string): ClaimChange {
  return {
    kind: "claim",
    id,
    token,
    workerId: "w",
    queue: "jobs",
    type: "t",
    stamp: "s",
    redrive: 0,
    wasDeadLetter: false,
    attemptsBefore: 0,
    attemptsOfCopy: 0,
    leaseMs: 30_000,
    seed: () => job(0),
  };
}

export function save(id: string, token: string, seq: number, value: number): TouchChange {
  return { kind: "touch", id, token, seq, saved: { value } };
}

export function end(id: string, token: string, fields: Partial<EndChange> = {}): EndChange {
  return {
    kind: "end",
    id,
    token,
    isUntracked: false,
    seq: 100,
    generation: 0,
    attempt: 1,
    outcome: "completed",
    workerId: "w",
    durationMs: 1,
    ...fields,
  };
}
