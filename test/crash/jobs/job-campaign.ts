import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, type Jobs, type JobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { seeded } from "../../support/seeded.ts";
import { openAdapter } from "../adapters.ts";
import type { AdapterConfig } from "../config.ts";
import { idOf, type JobProcessConfig, OTHER_KEYS, sendingOf } from "./config.ts";
import { JobLog, readJobLog } from "./job-log.ts";
import { type JobReport, jobReport } from "./job-report.ts";
import { type JobCrashPoint, jobCrashPoints, type JobRole } from "./points.ts";
import { recordsOf } from "./records.ts";

/** The size of a campaign with recorded jobs. */
export interface JobCampaign {
  readonly adapter: AdapterConfig;
  readonly kills: number;
  readonly jobs: number;
  /** Seed of every random choice. @default 1 */
  readonly seed?: number | undefined;
  /** Worker processes at once. @default 2 */
  readonly workers?: number | undefined;
  /** Handlers at once in each worker. @default 10 */
  readonly concurrency?: number | undefined;
  /** @default 4000 */
  readonly leaseMs?: number | undefined;
  /** Probability that the answer of the store to a call is lost. @default 0.02 */
  readonly lostAnswers?: number | undefined;
  /** The folder of the job store, which another campaign may share. @default one of its own */
  readonly directory?: string | undefined;
  /** @default crash */
  readonly namespace?: string | undefined;
  /** Milliseconds that the jobs have to end after the last kill. @default 180000 */
  readonly finishMs?: number | undefined;
}

const POLL_MS = 250;
/** Polls in a row that must find no job that is not over. */
const EMPTY_POLLS = 4;
/** Longest time until a process is killed from outside. */
const ANYWHERE_MS = 3_000;
/** Time after which a process that does not come to its point is killed where it is. */
const PATIENCE_MS = 25_000;
const MAX_ATTEMPTS = 50;
const PROCESS = new URL("./process.ts", import.meta.url);

/** Kills the processes of a job system until there are enough kills, lets the jobs end, and reports how they did. */
export async function runJobCampaign(campaign: JobCampaign): Promise<JobReport> {
  const own = campaign.directory === undefined ? await mkdtemp(join(tmpdir(), "queueport-jobs-")) : undefined;
  const directory = campaign.directory ?? own ?? "";
  try {
    await mkdir(join(directory, "mended"), { recursive: true });
    return await new JobCampaignRun(campaign, directory).run();
  } finally {
    if (own !== undefined) await rm(own, { recursive: true });
  }
}

class JobCampaignRun {
  readonly #campaign: JobCampaign;
  readonly #directory: string;
  readonly #log: JobLog;
  readonly #queue: Queue;
  readonly #store: JobStore;
  readonly #name: string;
  readonly #random: () => number;
  readonly #alive = new Set<ChildProcess>();
  readonly #turns: Record<JobRole, number> = { sender: 0, worker: 0, operator: 0, holder: 0 };
  #spawned = 0;
  #kills = 0;
  #isSent = false;

  constructor(campaign: JobCampaign, directory: string) {
    this.#campaign = campaign;
    this.#directory = directory;
    this.#log = new JobLog(this.#logFile);
    this.#queue = createQueue(openAdapter(campaign.adapter));
    this.#store = sqliteJobStore({ path: join(directory, "jobs.db") });
    this.#name = `crash-jobs-${process.pid}-${Date.now()}`;
    this.#random = seeded(campaign.seed ?? 1);
  }

  get #logFile(): string {
    return join(this.#directory, "jobs.log");
  }

  async run(): Promise<JobReport> {
    const { namespace = "crash", workers = 2 } = this.#campaign;
    for (const name of [this.#name, this.#other])
      await this.#queue.ensure(name, { maxAttempts: MAX_ATTEMPTS, leaseMs: this.#leaseMs });
    const jobs = await createJobs(this.#queue, {
      store: this.#store,
      namespace,
      migrate: true,
      onWarning: () => undefined,
    });
    try {
      const working = Array.from({ length: workers }, () => this.#keepCrashing("worker"));
      await Promise.all([this.#sendAll(), this.#keepCrashing("operator"), ...working]);
      await this.#finish(jobs);
      const records = await recordsOf(jobs, this.#queue, [this.#name, this.#other]);
      const log = await readJobLog(this.#logFile);
      return jobReport(log, records, await this.#archive(jobs));
    } finally {
      for (const child of this.#alive) child.kill("SIGKILL");
      await jobs.close();
      for (const name of [this.#name, this.#other]) await this.#queue.drop(name);
      await this.#queue.close();
      await this.#store.close();
      this.#log.close();
    }
  }

  get #other(): string {
    return `${this.#name}-b`;
  }

  get #leaseMs(): number {
    return this.#campaign.leaseMs ?? 4_000;
  }

  get #isOver(): boolean {
    return this.#isSent && this.#kills >= this.#campaign.kills;
  }

  /** Sends all jobs, by one sender after the other. Each repeats what the one before has named and not confirmed. */
  async #sendAll(): Promise<void> {
    const { jobs: to } = this.#campaign;
    for (;;) {
      const open = new Set<number>();
      let from = 0;
      for (const event of await readJobLog(this.#logFile)) {
        if (event.kind === "sending" && event.key < OTHER_KEYS) {
          open.add(event.key);
          from = Math.max(from, event.key + 1);
        } else if (event.kind === "sent") open.delete(event.key);
      }
      const again = [...open].filter((number) => sendingOf(number) === "key" || idOf(number) !== undefined);
      if (from >= to && again.length === 0) break;
      // The last of them is not killed, so that the campaign ends.
      const isCrashing = this.#kills < this.#campaign.kills && from < to * 0.9;
      await this.#process("sender", isCrashing, { from, to, again });
    }
    this.#isSent = true;
    if (this.#isOver) this.#stop();
  }

  /** Runs one process after the other. Each one dies at the next crash point in turn. */
  async #keepCrashing(role: JobRole): Promise<void> {
    while (!this.#isOver) await this.#process(role, true);
  }

  #stop(): void {
    for (const child of this.#alive) child.kill("SIGTERM");
  }

  /** Runs workers that are not killed, until no job is left. */
  async #finish(jobs: Jobs): Promise<void> {
    const finishing = [this.#process("worker", false), this.#process("operator", false)];
    const until = Date.now() + (this.#campaign.finishMs ?? 180_000);
    for (let polls = 0; polls < EMPTY_POLLS && Date.now() < until; polls += 1) {
      await sleep(POLL_MS);
      if (!(await this.#isDone(jobs))) polls = -1;
    }
    this.#stop();
    await Promise.all(finishing);
  }

  async #isDone(jobs: Jobs): Promise<boolean> {
    if ((await jobs.counts()).length > 0) return false;
    for (const name of [this.#name, this.#other]) {
      const { messages = 0, inFlight = 0, delayed = 0 } = await this.#queue.stats(name);
      if (messages + inFlight + delayed > 0) return false;
    }
    // The operator mends what is broken, so that no broken job is left.
    return (await jobs.list({ status: "failed", type: "broken", limit: 1 })).total === 0;
  }

  /** Archives and deletes all records, with kills. Returns the ids that the archive has. */
  async #archive(jobs: Jobs): Promise<ReadonlySet<string>> {
    for (let tries = 0; tries < 50 && (await jobs.list({ limit: 1 })).total > 0; tries += 1)
      await this.#process("operator", tries < 3, undefined, "archived");
    const archived = await readFile(join(this.#directory, "archive.log"), "utf8").catch(() => "");
    return new Set(archived.split("\n").filter((line) => line !== ""));
  }

  #nextPoint(role: JobRole): JobCrashPoint {
    const points: readonly JobCrashPoint[] = [...jobCrashPoints[role], "anywhere"];
    const able = points.filter(
      (point) => point !== "archived" && (point !== "moved" || this.#campaign.adapter.name === "directory"),
    );
    const turn = this.#turns[role];
    this.#turns[role] += 1;
    return able[turn % able.length] as JobCrashPoint;
  }

  /** Runs one process until it ends. */
  async #process(
    role: JobRole,
    isCrashing: boolean,
    send?: JobProcessConfig["send"],
    archives?: "archived",
  ): Promise<void> {
    const { adapter, concurrency = 10, lostAnswers = 0.02, seed = 1, namespace = "crash" } = this.#campaign;
    const crash = isCrashing ? (archives ?? this.#nextPoint(role)) : undefined;
    this.#spawned += 1;
    const config: JobProcessConfig = {
      role,
      adapter,
      queue: this.#name,
      otherQueue: this.#other,
      directory: this.#directory,
      namespace,
      concurrency,
      leaseMs: this.#leaseMs,
      lostAnswers,
      seed: seed * 10_000 + this.#spawned,
      crash,
      send,
      archives: archives !== undefined,
    };
    const child = spawn(process.execPath, [PROCESS.pathname, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#alive.add(child);
    const ended = new AbortController();
    if (crash !== undefined) void this.#killLater(child, crash, ended.signal);
    const errors = text(child.stderr);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    ended.abort();
    this.#alive.delete(child);
    if (signal === "SIGKILL") {
      this.#kills += 1;
      // After the last kill, the others are stopped, since they might take long to reach their points.
      if (this.#isOver) this.#stop();
    } else if (code !== 0 && signal !== "SIGTERM")
      throw new Error(`A ${role} ended with ${code ?? signal}: ${await errors}`);
  }

  async #killLater(child: ChildProcess, crash: JobCrashPoint, signal: AbortSignal): Promise<void> {
    const ms = crash === "anywhere" ? 500 + this.#random() * ANYWHERE_MS : PATIENCE_MS;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    this.#log.write({ kind: "killed", point: "anywhere" });
    child.kill("SIGKILL");
  }
}
