import { DriverError } from "../../../../src/driver/index.ts";
import type { JobChange } from "../../../../src/jobs/store/change.ts";
import type { StoredJob } from "../../../../src/jobs/store/job-row.ts";
import type { JobStore } from "../../../../src/jobs/store/job-store.ts";
import { memoryJobStore } from "../../../../src/jobs/store/memory-job-store.ts";
import { faultyJobStore, type StoreFault } from "../../../../src/jobs/testing/faulty-job-store.ts";
import { createJobsWorker, type JobsWorkerParts } from "../../../../src/jobs/track/create-jobs-worker.ts";
import { EndedJobs } from "../../../../src/jobs/track/ended-jobs.ts";
import { JobWriter } from "../../../../src/jobs/writes/job-writer.ts";
import type { JobsWorker, JobsWorkerOptions } from "../../../../src/jobs/jobs-worker.ts";
import type { JobEvent, ReceiveEvent } from "../../../../src/diagnostics.ts";
import type { ManagedFacts, ManagedQueue } from "../../../../src/queue/managed-receive.ts";
import type { NewMessage } from "../../../../src/message/message.ts";
import { Events, type Outcome, QueueFixture, type QueueFixtureOptions, watch } from "../../support.ts";

const EVENTS: readonly (JobEvent | ReceiveEvent)["event"][] = [
  "started",
  "progress",
  "completed",
  "failed",
  "retrying",
  "dead_lettered",
  "released",
  "not_run",
  "stuck",
  "late",
  "lease_lost",
  "warning",
];

/** The namespace of all tests. */
export const SPACE = "test";

/** A process: a writer, and workers on the queue and the store of the fixture. */
export class Process {
  readonly events: Events = new Events();
  readonly warnings: string[] = [];
  readonly writer: JobWriter;
  readonly worker: JobsWorker;

  constructor(fixture: JobsFixture, options: JobsWorkerOptions, parts: Partial<JobsWorkerParts>) {
    const onWarning = (code: string): void => void this.warnings.push(code);
    const { clock, queue, store } = fixture;
    this.writer = new JobWriter(store, SPACE, { clock, onWarning });
    this.worker = createJobsWorker(
      {
        queue,
        store,
        namespace: SPACE,
        writer: this.writer,
        ended: new EndedJobs(),
        retriedIn: new Set(),
        track: "full",
        whenStoreIsDown: "run",
        onWarning,
        definitions: [],
        alongside: [],
        ...parts,
      },
      options,
    );
    for (const event of EVENTS) this.worker.on(event, this.events.add);
  }
}

/** A queue in memory, a store in memory that fails as a test says, and processes with workers on both. */
export class JobsFixture extends QueueFixture {
  readonly memory: JobStore;
  readonly store: JobStore;
  readonly process: Process;
  readonly changes: JobChange[] = [];
  /** The fault of each call of `apply`. */
  storeFault: (changes: readonly JobChange[]) => StoreFault | undefined = () => undefined;
  /** Whether each call of the store fails. */
  isDown = false;

  constructor(
    options: JobsWorkerOptions = {},
    parts: Partial<JobsWorkerParts> = {},
    queueOptions: QueueFixtureOptions = {},
  ) {
    super(queueOptions);
    this.memory = memoryJobStore({ clock: this.clock });
    this.store = faultyJobStore(this.memory, {
      clock: this.clock,
      before: ({ method, changes }) => {
        if (this.isDown) return "fail";
        if (method !== "apply") return undefined;
        this.changes.push(...changes);
        return this.storeFault(changes);
      },
    });
    this.process = this.start(options, parts);
  }

  get worker(): JobsWorker {
    return this.process.worker;
  }

  get events(): Events {
    return this.process.events;
  }

  get kinds(): string[] {
    return this.changes.map(({ kind }) => kind);
  }

  /** Another process on the same queue and store. */
  start(options: JobsWorkerOptions = {}, parts: Partial<JobsWorkerParts> = {}): Process {
    return new Process(this, options, parts);
  }

  async run(one: Process = this.process): Promise<Outcome<void>> {
    const working = watch(one.worker.run("jobs"));
    await this.clock.settle();
    return working;
  }

  async send(message: Partial<NewMessage> = {}, facts?: ManagedFacts): Promise<string> {
    const sent = await (this.queue as ManagedQueue).sendManaged(
      "jobs",
      { type: "t", payload: { n: 1 }, ...message },
      facts,
    );
    await this.clock.settle();
    return sent.id;
  }

  async job(id: string): Promise<StoredJob | undefined> {
    const [found] = await this.memory.get(SPACE, [id], ["message", "result", "saved", "logs"]);
    return found;
  }

  async status(id: string): Promise<string | undefined> {
    return (await this.job(id))?.row.status;
  }

  /** Applies a change from outside of the worker, as another process does. */
  async apply(change: JobChange): Promise<unknown> {
    const [answer] = await this.memory.apply(SPACE, [change]);
    await this.clock.settle();
    return answer;
  }

  async counts(queue: string = "jobs"): Promise<(number | undefined)[]> {
    const { messages, inFlight, delayed, failed } = await this.queue.stats(queue);
    return [messages, inFlight, delayed, failed];
  }

  /** Lets every acknowledgement fail, as if the process were killed before it. */
  failAcks(): void {
    this.fault = (point) =>
      point.operation === "settle" && point.operations.some(({ kind }) => kind === "ack")
        ? { kind: "error", error: new DriverError("permanent", "the process is gone") }
        : undefined;
  }

  /** Takes the store down for a process, until `isDown` is false again. */
  async breakStore(one: Process = this.process): Promise<void> {
    this.isDown = true;
    for (let tries = 0; tries < 3; tries += 1)
      one.writer.write({ kind: "buried", id: `probe-${tries}`, generation: 0 }).catch(() => undefined);
    await this.clock.advance(2_000);
  }
}

export const EMPTY: readonly number[] = [0, 0, 0, 0];
