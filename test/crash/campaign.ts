import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { seeded } from "../support/seeded.ts";
import { openAdapter, openDelayStore } from "./adapters.ts";
import type { CampaignSize } from "./campaign-size.ts";
import { jobTypes, type WorkerConfig } from "./config.ts";
import { type CrashPoint, pointsOf } from "./crash-points.ts";
import { type CrashReport, crashReport } from "./crash-report.ts";
import { EventLog, EventLogReader } from "./event-log.ts";
import { Processes, type ProcessEnd } from "./processes.ts";
import type { RunEvent } from "./run-log.ts";

const POLL_MS = 100;
const SEND_MS = 300_000;
/** Polls in a row that must find the queue empty. Counts of a broker may lag behind. */
const EMPTY_POLLS = 5;
/**
 * Time after the end of a lease within which the messages of a killed worker are redelivered. Used if the queue does
 * not report its counts.
 */
const QUIET_MS = 5_000;
const WORKERS = 3;
const HANDLERS = 10;
const LEASE_MS = 2_000;
const WORKER = new URL("./worker.ts", import.meta.url);
/** High enough that no job looks like a crash loop. A crash does not fail the job, but it costs a delivery. */
const MAX_ATTEMPTS = 50;
const SHARES = [
  { type: jobTypes.plain, below: 0.6 },
  { type: jobTypes.flaky, below: 0.85 },
  { type: jobTypes.failing, below: 1 },
];

/**
 * Kills workers until there are enough kills, lets the last worker finish, and reports how every job ended. More jobs are
 * sent if the queue is nearly empty before the last kill.
 */
export async function runCampaign(campaign: CampaignSize): Promise<CrashReport> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-crash-"));
  try {
    const queue = createQueue(await openAdapter(campaign.adapter), {
      delayStore: openDelayStore(campaign.adapter),
    });
    return await new CampaignRun(campaign, queue, join(directory, "runs.log")).run();
  } finally {
    await rm(directory, { recursive: true });
  }
}

class CampaignRun {
  readonly #campaign: CampaignSize;
  readonly #log: string;
  readonly #events: EventLogReader<RunEvent>;
  readonly #processes = new Processes(WORKER);
  readonly #queue: Queue;
  readonly #name: string;
  readonly #random: () => number;
  readonly #sent: string[] = [];
  #spawned = 0;
  #kills = 0;

  constructor(campaign: CampaignSize, queue: Queue, log: string) {
    this.#campaign = campaign;
    this.#log = log;
    this.#events = new EventLogReader(log);
    this.#queue = queue;
    this.#name = `crash-${process.pid}-${Date.now()}`;
    this.#random = seeded(campaign.seed ?? 1);
  }

  async run(): Promise<CrashReport> {
    new EventLog(this.#log).close();
    const { leaseMs = LEASE_MS } = this.#campaign;
    await this.#queue.ensure(this.#name, { maxAttempts: MAX_ATTEMPTS, leaseMs });
    try {
      await this.#send(this.#campaign.jobs);
      const workers = Array.from({ length: this.#campaign.workers ?? WORKERS }, () => this.#keepCrashing());
      await Promise.all([...workers, this.#keepBusy()]);
      await this.#finish();
      const deadLetters = await this.#queue.deadLetters(this.#name).list({ limit: Number.MAX_SAFE_INTEGER });
      return crashReport(
        this.#sent,
        await this.#events.read(),
        deadLetters.map(({ id }) => id),
      );
    } finally {
      this.#processes.kill();
      await this.#queue.drop(this.#name);
      await this.#queue.close();
    }
  }

  get #isOver(): boolean {
    return this.#kills >= this.#campaign.kills;
  }

  async #send(count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => {
      const drawn = this.#random();
      const type = SHARES.find(({ below }) => drawn < below)?.type ?? jobTypes.plain;
      return { type, payload: null, maxAttempts: MAX_ATTEMPTS };
    });
    // A long deadline, because a campaign that fails to send on a busy machine proves nothing.
    const outcomes = await this.#queue.sendBatch(this.#name, messages, { deadlineMs: SEND_MS });
    for (const outcome of outcomes) {
      if (!outcome.ok) throw outcome.error;
      this.#sent.push(outcome.id);
    }
  }

  /** Runs one worker after the other. Each one dies at the next crash point in turn. */
  async #keepCrashing(): Promise<void> {
    while (!this.#isOver) {
      const points = pointsOf(this.#campaign.adapter.delayStore);
      const at = points[this.#spawned % points.length] as CrashPoint;
      const seed = (this.#campaign.seed ?? 1) * 10_000 + this.#spawned;
      if ((await this.#work({ at, seed })) === "killed") this.#kills += 1;
      // After the last kill, the other workers are stopped, since they might take long to reach their points.
      if (this.#isOver) this.#processes.stop();
    }
  }

  /** Sends more jobs whenever few are left, until the last kill. */
  async #keepBusy(): Promise<void> {
    while (!this.#isOver) {
      if ((await this.#remaining()).count < 100) await this.#send(200);
      await sleep(POLL_MS);
    }
  }

  /** Runs one worker that is not killed, until no job is left. */
  async #finish(): Promise<void> {
    const working = this.#work(undefined);
    const { leaseMs = LEASE_MS } = this.#campaign;
    for (let polls = 0, most = EMPTY_POLLS; polls < most; polls += 1) {
      await sleep(POLL_MS);
      const { count, isReported } = await this.#remaining();
      if (!isReported) most = (leaseMs + QUIET_MS) / POLL_MS;
      if (count > 0) polls = -1;
    }
    this.#processes.stop();
    await working;
  }

  /** Number of jobs that have not ended: as the queue reports it, or else as computed from the log. */
  async #remaining(): Promise<{ readonly count: number; readonly isReported: boolean }> {
    const { messages, inFlight, delayed = 0, failed = 0 } = await this.#queue.stats(this.#name);
    if (messages !== undefined && inFlight !== undefined)
      return { count: messages + inFlight + delayed, isReported: true };
    const completed = new Set<string>();
    for (const event of await this.#events.read()) if (event.kind === "completed") completed.add(event.id);
    return { count: Math.max(0, this.#sent.length - completed.size - failed) + delayed, isReported: false };
  }

  /** Runs one worker process until it ends. */
  #work(crash: WorkerConfig["crash"]): Promise<ProcessEnd> {
    const { adapter, concurrency = HANDLERS, leaseMs = LEASE_MS } = this.#campaign;
    const config: WorkerConfig = { adapter, queue: this.#name, log: this.#log, concurrency, leaseMs, crash };
    this.#spawned += 1;
    return this.#processes.start(config).ended;
  }
}
