import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, type Jobs, type JobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { openAdapter } from "../adapters.ts";
import type { AdapterConfig } from "../config.ts";
import { EventLog, EventLogReader } from "../event-log.ts";
import { Processes, type Started } from "../processes.ts";
import { JOB_PROCESS, type JobProcessConfig, logFileIn, storeFileIn } from "./config.ts";
import { releaseFile } from "./holder.ts";
import type { JobLogEvent } from "./job-log.ts";
import { messagesIn } from "./records.ts";
import { mendedFile } from "./worker.ts";

const LOOK_MS = 100;
/** Longest time that anything may take on a busy machine. */
const PATIENCE_MS = 120_000;
const MAX_ATTEMPTS = 50;

/** The facts of a process that a scene chooses. */
export type Part = Pick<JobProcessConfig, "role"> &
  Partial<Pick<JobProcessConfig, "adapter" | "concurrency" | "crash" | "freezes" | "isCertain" | "retries">>;

/** The facts of a stage. */
export interface StageOptions {
  /** @default 3000 */
  readonly leaseMs?: number | undefined;
  /** The queue. @default a new name */
  readonly name?: string | undefined;
  /** Whether the queue keeps the order of its keys, and so absorbs a message that is sent twice. @default false */
  readonly isOrdered?: boolean | undefined;
  /** @default stage */
  readonly namespace?: string | undefined;
  /** The folder of the job store, if another stage has it as well. @default one of its own */
  readonly directory?: string | undefined;
}

/** A queue, a job store and processes on both, whose course a test directs. */
export class Stage {
  readonly queue: Queue;
  readonly jobs: Jobs;
  readonly name: string;
  readonly directory: string;
  readonly leaseMs: number;
  readonly #adapter: AdapterConfig;
  readonly #namespace: string;
  readonly #store: JobStore;
  readonly #isOwner: boolean;
  readonly #processes = new Processes(JOB_PROCESS);
  readonly #events: EventLogReader<JobLogEvent>;
  readonly #pids = new Set<number>();
  /** The error of a process that failed by itself. */
  #failure: unknown;

  private constructor(
    [queue, store, jobs]: readonly [Queue, JobStore, Jobs],
    adapter: AdapterConfig,
    directory: string,
    name: string,
    { leaseMs = 3_000, namespace = "stage", directory: given }: StageOptions,
  ) {
    [this.queue, this.#store, this.jobs] = [queue, store, jobs];
    this.#adapter = adapter;
    this.name = name;
    this.directory = directory;
    this.#isOwner = given === undefined;
    this.#namespace = namespace;
    this.leaseMs = leaseMs;
    this.#events = new EventLogReader(logFileIn(directory));
  }

  static async open(adapter: AdapterConfig, options: StageOptions = {}): Promise<Stage> {
    const { leaseMs = 3_000, isOrdered = false, namespace = "stage" } = options;
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "queueport-stage-")));
    await mkdir(join(directory, "mended"), { recursive: true });
    new EventLog(logFileIn(directory)).close();
    const queue = createQueue(await openAdapter(adapter));
    const store = sqliteJobStore({ path: storeFileIn(directory) });
    const plain = `crash-stage-${process.pid}-${randomUUID().slice(0, 8)}`;
    // SQS knows a queue that keeps order by its name.
    const name = options.name ?? (isOrdered && adapter.name === "sqs" ? `${plain}.fifo` : plain);
    const ordering = isOrdered ? "by_key" : "none";
    await queue.ensure(name, { maxAttempts: MAX_ATTEMPTS, leaseMs, ordering });
    const jobs = await createJobs(queue, { store, namespace, migrate: true, onWarning: () => undefined });
    return new Stage([queue, store, jobs], adapter, directory, name, options);
  }

  /** Starts a process. */
  start({ concurrency = 10, ...part }: Part): Started {
    const config: JobProcessConfig = {
      adapter: this.#adapter,
      ...part,
      concurrency,
      queue: this.name,
      directory: this.directory,
      namespace: this.#namespace,
      leaseMs: this.leaseMs,
      lostAnswers: 0,
      seed: 1,
      crash: part.crash,
    };
    const started = this.#processes.start(config);
    this.#pids.add(started.pid);
    started.ended.catch((error: unknown) => (this.#failure = error));
    return started;
  }

  async stop({ child, ended }: Started): Promise<void> {
    child.kill("SIGTERM");
    await ended;
  }

  /** Lets the handlers of a holder return: all of them, from now on, or that of one job. */
  release({ pid }: Started, id?: string): void {
    writeFileSync(releaseFile(this.directory, pid, id), "");
  }

  /** Mends what a broken job needs. */
  mend(id: string): void {
    writeFileSync(mendedFile(this.directory, id), "");
  }

  log(): Promise<readonly JobLogEvent[]> {
    return this.#events.read();
  }

  /** Number of events of a kind: of one process, or of all. */
  async count(kind: JobLogEvent["kind"], of?: Started): Promise<number> {
    const events = await this.log();
    return events.filter((event) => event.kind === kind && (of === undefined || pidOf(event) === of.pid))
      .length;
  }

  /** Whether a process belongs to this stage. */
  has(pid: number): boolean {
    return this.#pids.has(pid);
  }

  /** Number of messages in the queue. */
  left(): Promise<number> {
    return messagesIn(this.queue, [this.name]);
  }

  /** Waits until no job is open, and the queue is empty. */
  async untilOver(): Promise<void> {
    await this.until("all jobs are over", async () => (await this.jobs.counts()).length === 0);
    await this.until("the queue is empty", async () => (await this.left()) === 0);
  }

  /** @throws Error if it takes longer than `maxMs`, or a process has failed by itself */
  async until(what: string, isSo: () => Promise<boolean>, maxMs: number = PATIENCE_MS): Promise<void> {
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
    await this.queue.drop(this.name);
    await this.queue.close();
    await this.#store.close();
    if (this.#isOwner) await rm(this.directory, { recursive: true });
  }
}

function pidOf(event: JobLogEvent): number | undefined {
  return "process" in event ? event.process : undefined;
}
