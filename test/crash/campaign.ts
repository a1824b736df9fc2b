import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { seeded } from "../support/seeded.ts";
import { openAdapter, openDelayStore } from "./adapters.ts";
import { type AdapterConfig, jobTypes, type WorkerConfig } from "./config.ts";
import { type CrashPoint, pointsOf } from "./points.ts";
import { readRunLog, RunLog } from "./run-log.ts";
import { judge, type Verdict } from "./verdict.ts";

/** How often workers are killed, over how many jobs. */
export interface Campaign {
  readonly adapter: AdapterConfig;
  readonly kills: number;
  /** Sent at the start; more follow where the queue runs empty before the last kill. */
  readonly jobs: number;
  /** Of all that is drawn. @default 1 */
  readonly seed?: number | undefined;
  /** Processes at once. @default 3 */
  readonly workers?: number | undefined;
  /** Handlers at once in each. @default 10 */
  readonly concurrency?: number | undefined;
  /** @default 2000 */
  readonly leaseMs?: number | undefined;
}

const LOOK_MS = 100;
const SEND_MS = 300_000;
/** Looks in a row that have to find the queue empty: counts may be a little behind. */
const EMPTY_LOOKS = 5;
/** Where the queue cannot tell: how long after a lease's end what a worker held that was killed has come again. */
const QUIET_MS = 5_000;
const LEASE_MS = 2_000;
const WORKER = new URL("./worker.ts", import.meta.url);
/** A crash is no failure of the job, but each costs a delivery: enough of them not to look like a crash loop. */
const MAX_ATTEMPTS = 50;
const SHARES = [
  { type: jobTypes.plain, below: 0.6 },
  { type: jobTypes.flaky, below: 0.85 },
  { type: jobTypes.doomed, below: 1 },
];

/** Kills workers until there were enough kills, lets one that lives do the rest, and counts. */
export async function crash(campaign: Campaign): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), "queueport-crash-"));
  try {
    return await new Attack(campaign, join(directory, "runs.log")).run();
  } finally {
    await rm(directory, { recursive: true });
  }
}

class Attack {
  readonly #campaign: Campaign;
  readonly #log: string;
  readonly #queue: Queue;
  readonly #name: string;
  readonly #random: () => number;
  readonly #sent: string[] = [];
  readonly #alive = new Set<ChildProcess>();
  #spawned = 0;
  #kills = 0;

  constructor(campaign: Campaign, log: string) {
    this.#campaign = campaign;
    this.#log = log;
    this.#queue = createQueue(openAdapter(campaign.adapter), {
      delayStore: openDelayStore(campaign.adapter),
    });
    this.#name = `crash-${process.pid}-${Date.now()}`;
    this.#random = seeded(campaign.seed ?? 1);
  }

  async run(): Promise<Verdict> {
    new RunLog(this.#log).close();
    const { leaseMs = LEASE_MS } = this.#campaign;
    await this.#queue.ensure(this.#name, { maxAttempts: MAX_ATTEMPTS, leaseMs });
    try {
      await this.#send(this.#campaign.jobs);
      const lanes = Array.from({ length: this.#campaign.workers ?? 3 }, () => this.#lane());
      await Promise.all([...lanes, this.#keepBusy()]);
      await this.#finish();
      const letters = await this.#queue.deadLetters(this.#name).list({ limit: Number.MAX_SAFE_INTEGER });
      return judge(
        this.#sent,
        await readRunLog(this.#log),
        letters.map(({ id }) => id),
      );
    } finally {
      for (const child of this.#alive) child.kill("SIGKILL");
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
    // Whatever else the machine is doing: a campaign that could not send has shown nothing.
    const outcomes = await this.#queue.sendBatch(this.#name, messages, { deadlineMs: SEND_MS });
    for (const outcome of outcomes) {
      if (!outcome.ok) throw outcome.error;
      this.#sent.push(outcome.id);
    }
  }

  /** One worker after the other, each to die at the next point in turn. */
  async #lane(): Promise<void> {
    while (!this.#isOver) {
      const points = pointsOf(this.#campaign.adapter.delayStore);
      const at = points[this.#spawned % points.length] as CrashPoint;
      const seed = (this.#campaign.seed ?? 1) * 10_000 + this.#spawned;
      if ((await this.#work({ at, seed })) === "killed") this.#kills += 1;
      // The others are not waited for until they happen to die.
      if (this.#isOver) for (const child of this.#alive) child.kill("SIGTERM");
    }
  }

  /** Sees that there is something to do until the last kill. */
  async #keepBusy(): Promise<void> {
    while (!this.#isOver) {
      if ((await this.#left()).count < 100) await this.#send(200);
      await sleep(LOOK_MS);
    }
  }

  /** Lets a worker that nobody kills do what is left. */
  async #finish(): Promise<void> {
    const working = this.#work(undefined);
    const { leaseMs = LEASE_MS } = this.#campaign;
    for (let looks = 0, most = EMPTY_LOOKS; looks < most; looks += 1) {
      await sleep(LOOK_MS);
      const { count, isTold } = await this.#left();
      if (!isTold) most = (leaseMs + QUIET_MS) / LOOK_MS;
      if (count > 0) looks = -1;
    }
    for (const child of this.#alive) child.kill("SIGTERM");
    await working;
  }

  /** What there is to do: as the queue tells, or where it cannot, of what was sent all that has not come to an end. */
  async #left(): Promise<{ readonly count: number; readonly isTold: boolean }> {
    const { messages, inFlight, delayed = 0, failed = 0 } = await this.#queue.stats(this.#name);
    if (messages !== undefined && inFlight !== undefined)
      return { count: messages + inFlight + delayed, isTold: true };
    const completed = new Set<string>();
    for (const entry of await readRunLog(this.#log)) if (entry.kind === "completed") completed.add(entry.id);
    return { count: Math.max(0, this.#sent.length - completed.size - failed) + delayed, isTold: false };
  }

  async #work(dies: WorkerConfig["dies"]): Promise<"killed" | "stopped"> {
    const { adapter, concurrency = 10, leaseMs = LEASE_MS } = this.#campaign;
    const config: WorkerConfig = { adapter, queue: this.#name, log: this.#log, concurrency, leaseMs, dies };
    this.#spawned += 1;
    const child = spawn(process.execPath, [WORKER.pathname, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#alive.add(child);
    const said = text(child.stderr);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    this.#alive.delete(child);
    if (signal === "SIGKILL") return "killed";
    // Told to stop before it had begun.
    if (signal === "SIGTERM") return "stopped";
    if (code === 0) return "stopped";
    throw new Error(`A worker ended with ${code ?? signal}: ${await said}`);
  }
}
