import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
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
import type { JobProcessConfig } from "./config.ts";
import { JobLog, type JobLogEvent, readJobLog } from "./job-log.ts";

const PROCESS = new URL("./process.ts", import.meta.url);
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
  readonly #children = new Set<ChildProcess>();

  private constructor(
    backend: Backend,
    directory: string,
    name: string,
    parts: readonly [Queue, JobStore, Jobs],
  ) {
    this.#backend = backend;
    this.directory = directory;
    this.name = name;
    [this.queue, this.#store, this.jobs] = parts;
  }

  static async open(backend: Backend, leaseMs: number): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), "queueport-stage-"));
    await mkdir(join(directory, "mended"));
    new JobLog(join(directory, "jobs.log")).close();
    const queue = createQueue(openAdapter(backend.adapter));
    const store = sqliteJobStore({ path: join(directory, "jobs.db") });
    const name = `crash-stage-${process.pid}-${Date.now()}`;
    for (const one of [name, otherName(name)]) await queue.ensure(one, { maxAttempts: 50, leaseMs });
    const options = { store, namespace: NAMESPACE, migrate: true, onWarning: () => undefined };
    return new Stage(backend, directory, name, [queue, store, await createJobs(queue, options)]);
  }

  start(part: Part): ChildProcess {
    const config: JobProcessConfig = {
      ...part,
      adapter: this.#backend.adapter,
      queue: this.name,
      otherQueue: otherName(this.name),
      directory: this.directory,
      namespace: NAMESPACE,
      lostAnswers: 0,
      seed: 1,
      crash: part.crash,
    };
    const child = spawn(process.execPath, [PROCESS.pathname, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  log(): Promise<JobLogEvent[]> {
    return readJobLog(join(this.directory, "jobs.log"));
  }

  /** Number of events of a kind that a process has logged. */
  async count(kind: JobLogEvent["kind"], pid?: number): Promise<number> {
    const events = await this.log();
    return events.filter((event) => event.kind === kind && (pid === undefined || pidOf(event) === pid))
      .length;
  }

  /** @throws Error if it takes longer than `maxMs` */
  async until(what: string, maxMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const until = Date.now() + maxMs;
    while (!(await isSo())) {
      if (Date.now() > until) throw new Error(`It took longer than ${maxMs} ms until ${what}.`);
      await sleep(LOOK_MS);
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await this.jobs.close();
    for (const one of [this.name, otherName(this.name)]) await this.queue.drop(one);
    await this.queue.close();
    await this.#store.close();
    await rm(this.directory, { recursive: true });
  }
}

function otherName(name: string): string {
  return `${name}-b`;
}

function pidOf(event: JobLogEvent): number | undefined {
  return "process" in event ? event.process : undefined;
}
