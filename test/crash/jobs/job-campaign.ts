import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs, type Jobs, type JobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { seeded } from "../../support/seeded.ts";
import { openAdapter } from "../adapters.ts";
import type { CampaignSize } from "../campaign-size.ts";
import { EventLog, EventLogReader } from "../event-log.ts";
import { Processes, type Started } from "../processes.ts";
import {
  idOf,
  JOB_PROCESS,
  type JobProcessConfig,
  logFileIn,
  OTHER_KEYS,
  otherQueueOf,
  sendingOf,
} from "./config.ts";
import type { JobLog, JobLogEvent } from "./job-log.ts";
import { type JobReport, jobReport } from "./job-report.ts";
import { type JobCrashPoint, jobCrashPoints, type JobRole } from "./points.ts";
import { allJobs, messagesIn, recordsOf } from "./records.ts";
import { crashStore, type CrashStorePlace } from "./store.ts";

/** The size of a campaign with recorded jobs. */
export interface JobCampaign extends CampaignSize {
  /** Probability that the answer of the store to a call is lost. @default 0.02 */
  readonly lostAnswers?: number | undefined;
  /** The folder of the job store, which another campaign may share. @default one of its own */
  readonly directory?: string | undefined;
  /** The server of the job store. @default none: it is in the folder */
  readonly redis?: CrashStorePlace["redis"];
  /** @default crash */
  readonly namespace?: string | undefined;
  /** Workers that are not killed, and take up what the others leave. @default 0 */
  readonly survivors?: number | undefined;
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
const ARCHIVE_KILLS = 3;
/** Time to archive records. A store deletes them beside other work, so those of a large campaign would take an hour. */
const ARCHIVE_MS = 90_000;
const NAMESPACE = "crash";
const WORKERS = 2;
const HANDLERS = 10;
const LEASE_MS = 4_000;
const LOST_ANSWERS = 0.02;

/** Kills the processes of a job system until there are enough kills, lets the jobs end, and reports how they did. */
export async function runJobCampaign(campaign: JobCampaign): Promise<JobReport> {
  const own = campaign.directory === undefined ? await mkdtemp(join(tmpdir(), "queueport-jobs-")) : undefined;
  const directory = campaign.directory ?? own ?? "";
  try {
    await mkdir(join(directory, "mended"), { recursive: true });
    const queue = createQueue(await openAdapter(campaign.adapter));
    return await new JobCampaignRun(campaign, queue, directory).run();
  } finally {
    if (own !== undefined) await rm(own, { recursive: true });
  }
}

class JobCampaignRun {
  readonly #campaign: JobCampaign;
  readonly #directory: string;
  readonly #log: JobLog;
  readonly #events: EventLogReader<JobLogEvent>;
  /** The processes that are killed, and those that are not. */
  readonly #mortal = new Processes(JOB_PROCESS);
  readonly #steady = new Processes(JOB_PROCESS);
  readonly #queue: Queue;
  readonly #store: JobStore;
  readonly #name: string;
  readonly #random: () => number;
  readonly #turns: Record<JobRole, number> = { sender: 0, worker: 0, operator: 0, holder: 0 };
  #spawned = 0;
  #kills = 0;
  #isSent = false;

  constructor(campaign: JobCampaign, queue: Queue, directory: string) {
    this.#campaign = campaign;
    this.#directory = directory;
    this.#log = new EventLog(logFileIn(directory));
    this.#events = new EventLogReader(logFileIn(directory));
    this.#queue = queue;
    this.#store = crashStore({ directory, redis: campaign.redis });
    this.#name = `crash-jobs-${process.pid}-${Date.now()}`;
    this.#random = seeded(campaign.seed ?? 1);
  }

  async run(): Promise<JobReport> {
    const { namespace = NAMESPACE, workers = WORKERS, survivors = 0 } = this.#campaign;
    for (const name of this.#names)
      await this.#queue.ensure(name, { maxAttempts: MAX_ATTEMPTS, leaseMs: this.#leaseMs });
    const jobs = await createJobs(this.#queue, {
      store: this.#store,
      namespace,
      migrate: true,
      onWarning: () => undefined,
    });
    try {
      const working = Array.from({ length: workers }, () => this.#keepCrashing("worker"));
      const surviving = Array.from({ length: survivors }, () => this.#process("worker", false));
      // Awaited at the end.
      for (const one of surviving) one.catch(() => undefined);
      await Promise.all([this.#sendAll(), this.#keepCrashing("operator"), ...working]);
      await this.#finish(jobs, surviving);
      const records = await recordsOf(jobs, this.#queue, this.#names);
      const log = await this.#events.read();
      return jobReport(log, records, await this.#archive(jobs));
    } finally {
      this.#mortal.kill();
      this.#steady.kill();
      await jobs.close();
      for (const name of this.#names) await this.#queue.drop(name);
      await this.#queue.close();
      await this.#store.close();
      this.#log.close();
    }
  }

  get #names(): readonly [string, string] {
    return [this.#name, otherQueueOf(this.#name)];
  }

  get #leaseMs(): number {
    return this.#campaign.leaseMs ?? LEASE_MS;
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
      for (const event of await this.#events.read()) {
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
    if (this.#isOver) this.#mortal.stop();
  }

  /** Runs one process after the other. Each one dies at the next crash point in turn. */
  async #keepCrashing(role: JobRole): Promise<void> {
    while (!this.#isOver) await this.#process(role, true);
  }

  /** Runs processes that are not killed, until no job is left. */
  async #finish(jobs: Jobs, surviving: readonly Promise<void>[]): Promise<void> {
    const finishing = [...surviving, this.#process("operator", false)];
    if (surviving.length === 0) finishing.push(this.#process("worker", false));
    const until = Date.now() + (this.#campaign.finishMs ?? 180_000);
    for (let polls = 0; polls < EMPTY_POLLS && Date.now() < until; polls += 1) {
      await sleep(POLL_MS);
      if (!(await this.#isDone(jobs))) polls = -1;
    }
    this.#steady.stop();
    await Promise.all(finishing);
  }

  async #isDone(jobs: Jobs): Promise<boolean> {
    if ((await jobs.counts()).length > 0) return false;
    if ((await messagesIn(this.#queue, this.#names)) > 0) return false;
    // The operator mends what is broken, so that no broken job is left.
    return (await jobs.list({ status: "failed", type: "broken", limit: 1 })).total === 0;
  }

  /**
   * Archives and deletes records, with kills: all of them, if there is time. Returns the ids of those that the archive or the
   * store has.
   */
  async #archive(jobs: Jobs): Promise<ReadonlySet<string>> {
    const until = Date.now() + ARCHIVE_MS;
    for (let kills = 0; kills < ARCHIVE_KILLS; kills += 1)
      await this.#process("operator", true, undefined, "archived");
    const over = new AbortController();
    void sleep(until - Date.now(), undefined, { signal: over.signal }).then(
      () => this.#steady.stop(),
      () => undefined,
    );
    await this.#process("operator", false, undefined, "archived");
    over.abort();
    const archived = await readFile(join(this.#directory, "archive.log"), "utf8").catch(() => "");
    const left = await allJobs(jobs);
    return new Set([...archived.split("\n").filter((line) => line !== ""), ...left.map(({ id }) => id)]);
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
    const { adapter, concurrency = HANDLERS, lostAnswers = LOST_ANSWERS, seed = 1 } = this.#campaign;
    const crash = isCrashing ? (archives ?? this.#nextPoint(role)) : undefined;
    this.#spawned += 1;
    const [queue, otherQueue] = this.#names;
    const config: JobProcessConfig = {
      role,
      adapter,
      queue,
      otherQueue,
      directory: this.#directory,
      redis: this.#campaign.redis,
      namespace: this.#campaign.namespace ?? NAMESPACE,
      concurrency,
      leaseMs: this.#leaseMs,
      lostAnswers,
      seed: seed * 10_000 + this.#spawned,
      crash,
      send,
      archives: archives !== undefined,
    };
    const started = (isCrashing || role === "sender" ? this.#mortal : this.#steady).start(config);
    const over = new AbortController();
    if (crash !== undefined) void this.#killLater(started, crash, over.signal);
    const end = await started.ended.finally(() => over.abort());
    if (end === "stopped") return;
    this.#kills += 1;
    // After the last kill, the others are stopped, since they might take long to reach their points.
    if (this.#isOver) this.#mortal.stop();
  }

  async #killLater({ child, pid }: Started, crash: JobCrashPoint, signal: AbortSignal): Promise<void> {
    const ms = crash === "anywhere" ? 500 + this.#random() * ANYWHERE_MS : PATIENCE_MS;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    this.#log.write({ kind: "killed", point: "anywhere", process: pid, at: Date.now() });
    child.kill("SIGKILL");
  }
}
