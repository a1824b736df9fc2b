import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import type { ClaimChange, EndChange, InsertChange, NewStoredJob } from "../../../src/jobs/store/change.ts";
import type { JobAnswer, JobChange, JobStore } from "../../../src/jobs/store/index.ts";
import { FakeClock } from "../../../src/testing/index.ts";

/** A folder with the file of a store, and the stores that were opened on it. */
export class Fixture implements AsyncDisposable {
  readonly clock: FakeClock = new FakeClock();
  readonly directory: string;
  readonly path: string;
  readonly #stores: JobStore[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, "jobs.db");
  }

  static async create(): Promise<Fixture> {
    return new Fixture(await mkdtemp(join(tmpdir(), "queueport-")));
  }

  /** A store that is not opened. */
  store(path: string = this.path): JobStore {
    const store = sqliteJobStore({ path, clock: this.clock });
    this.#stores.push(store);
    return store;
  }

  /** A store on the file, as another process would have it. */
  async open(namespace = "ns"): Promise<JobStore> {
    const store = this.store();
    await store.migrate();
    await store.open(namespace, "memory");
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function jobOf(over: Partial<NewStoredJob> = {}): NewStoredJob {
  return {
    type: "email",
    queue: "emails",
    maxAttempts: 5,
    createdAt: Date.parse("2026-01-01T00:00:00Z"),
    message: { payload: { to: "ada" } },
    ...over,
  };
}

export function insert(id: string, over: Partial<NewStoredJob> = {}): InsertChange {
  return { kind: "insert", id, job: jobOf(over) };
}

export function claim(id: string, token: string, over: Partial<NewStoredJob> = {}): ClaimChange {
  const job = jobOf(over);
  return {
    kind: "claim",
    id,
    token,
    workerId: "worker-1",
    queue: job.queue,
    type: job.type,
    stamp: job.stamp ?? "s",
    redrive: 0,
    wasDeadLetter: false,
    attemptsBefore: 0,
    attemptsOfCopy: 0,
    leaseMs: 30_000,
    seed: () => job,
  };
}

export function end(id: string, token: string, over: Partial<EndChange> = {}): EndChange {
  return {
    kind: "end",
    id,
    token,
    isUntracked: false,
    seq: 1,
    generation: 0,
    attempt: 1,
    outcome: "completed",
    workerId: "worker-1",
    durationMs: 5,
    ...over,
  };
}

/** Applies changes one after the other, also of one job. */
export async function each(store: JobStore, ...changes: JobChange[]): Promise<JobAnswer[]> {
  const answers: JobAnswer[] = [];
  for (const change of changes) answers.push(...(await store.apply("ns", [change])));
  return answers;
}
