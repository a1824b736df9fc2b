import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, type Jobs, type JobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { openAdapter } from "../adapters.ts";
import type { Backend } from "../backends.ts";
import { EventLog, EventLogReader } from "../event-log.ts";
import { Processes, type Started } from "../processes.ts";
import { JOB_PROCESS, type JobProcessConfig, logFileIn, otherQueueOf } from "./config.ts";
import type { JobLogEvent } from "./job-log.ts";
import { messagesIn } from "./records.ts";

const LOOK_MS = 100;
const NAMESPACE = "stage";

/** The facts of a process that a scene chooses. */
export type Part = Pick<JobProcessConfig, "role" | "concurrency" | "leaseMs"> &
  Partial<Pick<JobProcessConfig, "crash" | "freezes">>;

/** A queue, a job store and processes on both, whose course a test directs. */
export class Stage {
  readonly queue: Queue;
  readonly jobs: Jobs;
  readonly name: string;
  readonly directory: string;
  readonly #backend: Backend;
  readonly #store: JobStore;
  readonly #processes = new Processes(JOB_PROCESS);
  readonly #events: EventLogReader<JobLogEvent>;
  /** The error of a process that failed by itself. */
  #failure: unknown;

  private constructor(
    backend: Backend,
    directory: string,
    name: string,
    parts: readonly [Queue, JobStore, Jobs],
  ) {
    this.#backend = backend;
    this.directory = directory;
    this.name = name;
    this.#events = new EventLogReader(logFileIn(directory));
    [this.queue, this.#store, this.jobs] = parts;
  }

  static async open(backend: Backend, leaseMs: number): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), "queueport-stage-"));
    await mkdir(join(directory, "mended"));
    new EventLog(logFileIn(directory)).close();
    const queue = createQueue(await openAdapter(backend.adapter));
    const store = sqliteJobStore({ path: join(directory, "jobs.db") });
    const name = `crash-stage-${process.pid}-${Date.now()}`;
    for (const one of [name, otherQueueOf(name)]) await queue.ensure(one, { maxAttempts: 50, leaseMs });
    const options = { store, namespace: NAMESPACE, migrate: true, onWarning: () => undefined };
    return new Stage(backend, directory, name, [queue, store, await createJobs(queue, options)]);
  }

  start(part: Part): Started {
    const config: JobProcessConfig = {
      ...part,
      adapter: this.#backend.adapter,
      queue: this.name,
      otherQueue: otherQueueOf(this.name),
      directory: this.directory,
      namespace: NAMESPACE,
      lostAnswers: 0,
      seed: 1,
      crash: part.crash,
    };
    const started = this.#processes.start(config);
    started.ended.catch((error: unknown) => (this.#failure = error));
    return started;
  }

  async stop({ child, ended }: Started): Promise<void> {
    child.kill("SIGTERM");
    await ended;
  }

  log(): Promise<readonly JobLogEvent[]> {
    return this.#events.read();
  }

  /** Number of events of a kind that a process has logged. */
  async count(kind: JobLogEvent["kind"], pid?: number): Promise<number> {
    const events = await this.log();
    return events.filter((event) => event.kind === kind && (pid === undefined || pidOf(event) === pid))
      .length;
  }

  /** Number of messages in the queue. */
  left(): Promise<number> {
    return messagesIn(this.queue, [this.name]);
  }

  /** @throws Error if it takes longer than `maxMs`, or a process has failed by itself */
  async until(what: string, maxMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const until = Date.now() + maxMs;
    while (!(await isSo())) {
      if (this.#failure !== undefined) throw this.#failure;
      if (Date.now() > until) throw new Error(`It took longer than ${maxMs} ms until ${what}.`);
      await sleep(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    this.#processes.kill();
    await this.jobs.close();
    for (const one of [this.name, otherQueueOf(this.name)]) await this.queue.drop(one);
    await this.queue.close();
    await this.#store.close();
    await rm(this.directory, { recursive: true });
  }
}

function pidOf(event: JobLogEvent): number | undefined {
  return "process" in event ? event.process : undefined;
}
