import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LagMeter } from "./lag.ts";
import { postgresJobStore } from "../adapters/postgres/index.ts";
import { redisJobStore } from "../adapters/redis/index.ts";
import { sqliteJobStore } from "../adapters/sqlite/index.ts";
import { removeRedisKeys } from "../test/support/redis-keys.ts";
import type { ClaimChange, EndChange, NewStoredJob } from "../src/jobs/store/change.ts";
import type {
  JobAnswer,
  JobChange,
  JobStore,
  PrunePolicy,
  StoredJobFilter,
} from "../src/jobs/store/index.ts";
import { memoryJobStore } from "../src/jobs/store/memory-job-store.ts";

/**
 * Measures a job store: `node bench/job-store.ts --store sqlite --jobs 1000000`. A URL of PostgreSQL is
 * a store as well.
 *
 * - The pipeline: each job is inserted, claimed and ended, in batches that form while another one is written.
 * - With `--jobs`: `get`, `list` and `counts` on so many jobs, and the pipeline while they are pruned.
 */
const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    jobs: { type: "string", default: "0" },
    pipeline: { type: "string", default: "50000" },
    lanes: { type: "string", default: "200" },
    // A folder for the file, which stays.
    keep: { type: "string" },
    // Jobs that are in the folder from an earlier run.
    existing: { type: "string", default: "0" },
    // `--no-reads` leaves the lists out.
    reads: { type: "boolean", default: true },
  },
  allowNegative: true,
});

const NS = "bench";
const DAY_MS = 86_400_000;
const REDIS_PREFIX = `qp-bench-${process.pid}`;
const directory = values.keep ?? mkdtempSync(join(tmpdir(), "queueport-bench-"));
/** The time of the store, which the filling moves. */
let offsetMs = 0;
const clock = {
  now: () => Date.now() + offsetMs,
  monotonic: () => performance.now(),
  timer: (ms: number, run: () => void) => {
    const timeout = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};
/** The jobs of a store that an earlier run has kept. */
const existing = Number(values.existing);
const store: JobStore = opened(values.store);

/** `sqlite`, `memory`, or the URL of a PostgreSQL database or a Redis server. */
function opened(name: string): JobStore {
  if (name === "memory") return memoryJobStore({ clock, maxFinished: 10_000_000 });
  if (name.startsWith("redis")) return redisJobStore({ url: name, prefix: REDIS_PREFIX, clock });
  if (name.startsWith("postgres")) return postgresJobStore({ url: name, clock });
  return sqliteJobStore({ path: join(directory, "jobs.db"), clock });
}

/** Collects changes while two batches are under way, as a worker does. */
class Batches {
  #waiting: { readonly change: JobChange; readonly resolve: (answer: JobAnswer) => void }[] = [];
  #underWay = 0;

  apply(change: JobChange): Promise<JobAnswer> {
    return new Promise((resolve) => {
      if (this.#waiting.push({ change, resolve }) === 1) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    if (this.#underWay === 2 || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, 1_000);
    this.#underWay += 1;
    void store
      .apply(
        NS,
        batch.map(({ change }) => change),
      )
      .then((answers) => {
        this.#underWay -= 1;
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as JobAnswer);
        this.#send();
      });
  }
}

const TYPES = ["email", "invoice", "report", "thumbnail", "webhook"];
const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

function jobOf(index: number): NewStoredJob {
  const tenant = index % 3 === 0 ? `tenant-${index % 1_000}` : undefined;
  return {
    type: pick(TYPES, index),
    queue: pick(["default", "emails"], Math.floor(index / 7)),
    priority: index % 50 === 0 ? "high" : "normal",
    maxAttempts: 5,
    createdAt: clock.now(),
    stamp: String(index),
    tenant,
    tags: index % 10 === 0 ? ["import", `batch-${index % 500}`] : [],
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    message: { payload: { to: `user-${index}@example.com`, subject: "Welcome", body: "x".repeat(100) } },
  };
}

function claimOf(id: string, job: NewStoredJob, index: number): ClaimChange {
  const { queue, type } = job;
  return {
    kind: "claim",
    id,
    token: `token-${index}`,
    workerId: `worker-${index % 8}`,
    queue,
    type,
    stamp: String(index),
    redrive: 0,
    wasDeadLetter: false,
    attemptsBefore: 0,
    attemptsOfCopy: 0,
    leaseMs: 30_000,
    seed: () => job,
  };
}

function endOf(id: string, index: number): EndChange {
  const hasFailed = index % 100 === 0;
  return {
    kind: "end",
    id,
    token: `token-${index}`,
    isUntracked: false,
    seq: 1,
    generation: 0,
    attempt: 1,
    outcome: hasFailed ? "failed" : "completed",
    error: hasFailed ? { message: "refused", code: "timeout", fingerprint: `f${index % 700}` } : undefined,
    result: hasFailed ? undefined : { value: { sent: true } },
    workerId: `worker-${index % 8}`,
    durationMs: 12,
  };
}

let created = existing;

/** Runs jobs from their insert to their end. Returns the jobs of a second. */
async function pipeline(jobs: number): Promise<{ readonly rate: number; readonly cpuMicros: number }> {
  const batches = new Batches();
  const last = created + jobs;
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const lane = async (): Promise<void> => {
    while (created < last) {
      created += 1;
      const index = created;
      const id = `0199${String(index).padStart(32, "0")}`;
      const job = jobOf(index);
      await batches.apply({ kind: "insert", id, job });
      await batches.apply(claimOf(id, job, index));
      await batches.apply(endOf(id, index));
    }
  };
  await Promise.all(Array.from({ length: Number(values.lanes) }, lane));
  const { user, system } = process.cpuUsage(cpu);
  return { rate: jobs / ((performance.now() - startedAt) / 1_000), cpuMicros: (user + system) / jobs };
}

function lagText({ p50, p99, max }: ReturnType<LagMeter["stop"]>): string {
  return `event-loop lag p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, at most ${max.toFixed(1)} ms`;
}

async function reportPipeline(name: string, jobs: number): Promise<number> {
  const lag = new LagMeter();
  const { rate, cpuMicros } = await pipeline(jobs);
  console.log(
    `${name}: ${rate.toFixed(0)} jobs/s, ${cpuMicros.toFixed(0)} µs of CPU a job, ${lagText(lag.stop())}`,
  );
  return rate;
}

async function measure(name: string, times: number, call: () => Promise<unknown>): Promise<void> {
  const durations: number[] = [];
  const cpu = process.cpuUsage();
  for (let time = 0; time < times; time += 1) {
    const startedAt = performance.now();
    await call();
    durations.push(performance.now() - startedAt);
  }
  // Beside the durations, since these say little on a machine that others use.
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = ((user + system) / 1_000 / times).toFixed(2);
  durations.sort((one, other) => one - other);
  const at = (share: number): string => (durations[Math.floor(share * (times - 1))] as number).toFixed(2);
  console.log(`${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${cpuMs} ms of CPU`);
}

const LISTS: Readonly<Record<string, StoredJobFilter>> = {
  all: {},
  completed: { status: ["completed"] },
  failed: { status: ["failed"] },
  "failed or cancelled, of one type": { status: ["failed", "cancelled"], type: ["email"] },
  "one queue and priority": { queue: ["emails"], priority: ["high"] },
  "one tenant": { tenant: "tenant-333" },
  "one tenant, failed": { tenant: "tenant-300", status: ["failed"] },
  "one tag": { tag: "import" },
  "one tag, failed": { tag: "import", status: ["failed"] },
  "one tag, one type, high": { tag: "import", type: ["email"], priority: ["high"] },
  "one worker": { workerId: "worker-3" },
  "one worker, failed": { workerId: "worker-4", status: ["failed"] },
  "one tenant and one worker": { tenant: "tenant-333", workerId: "worker-3" },
  "one error": { error: "timeout" },
  stalled: { isStalled: true },
  "a range of time": { createdFrom: clock.now() - 20 * DAY_MS, createdBefore: clock.now() - 10 * DAY_MS },
  "a payload that is there": { search: "Welcome" },
};

async function reads(): Promise<void> {
  let at = 0;
  const someId = (): string => {
    at = (at + 7_919) % created;
    return `0199${String(at + 1).padStart(32, "0")}`;
  };
  await measure("get", 2_000, () => store.get(NS, [someId()], ["message", "result", "logs"]));
  await measure("counts", 50, () => store.counts(NS));
  for (const [name, filter] of Object.entries<StoredJobFilter>(LISTS)) {
    if (filter.search !== undefined && !store.capabilities.search) continue;
    await measure(`list, ${name}`, 15, () => store.list(NS, filter, { limit: 50, order: "newest" }));
    const first = await store.list(NS, filter, { limit: 5_000, order: "oldest" });
    const { createdAt = 0, id = "" } = first.rows.at(-1) ?? {};
    await measure(`  a later page (${first.total} jobs)`, 15, () =>
      store.list(NS, filter, { limit: 50, order: "oldest", after: { createdAt, id } }),
    );
  }
  if (!store.capabilities.search) return;
  const lag = new LagMeter();
  await measure("list, a payload that is not there", 5, () =>
    store.list(NS, { search: "nothing has this" }, { limit: 50, order: "newest" }),
  );
  await measure("list, a payload that is not there, of failed jobs", 5, () =>
    store.list(NS, { search: "nothing has this", status: ["failed"] }, { limit: 50, order: "newest" }),
  );
  console.log(`meanwhile: ${lagText(lag.stop())}`);
}

const POLICY: PrunePolicy = {
  completedMs: 7 * DAY_MS,
  failedMs: 30 * DAY_MS,
  cancelledMs: 7 * DAY_MS,
  dataMs: DAY_MS,
  maxFinished: 10_000_000,
};

/** Prunes in batches until the measurement is over. */
async function pruneUntil(isOver: () => boolean): Promise<number> {
  let deleted = 0;
  while (!isOver()) {
    const outcome = await store.prune(NS, { ...POLICY, dataMs: 1_000 * DAY_MS }, 500);
    deleted += outcome.deleted;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return deleted;
}

await store.migrate();
await store.open(NS, "bench");
await reportPipeline("pipeline, empty store", Number(values.pipeline));
const total = Number(values.jobs);
if (total > 0) {
  const days = 31;
  for (let day = 0; day < days; day += 1) {
    offsetMs = (day - days) * DAY_MS;
    await pipeline(Math.ceil((total - created) / (days - day)));
  }
  offsetMs = 0;
  console.log(`${created} jobs`);
  if (values.reads) await reads();
  const before = await reportPipeline("pipeline, full store", Number(values.pipeline));
  let isOver = false;
  const pruning = pruneUntil(() => isOver);
  const meanwhile = await reportPipeline("pipeline, while it is pruned", Number(values.pipeline));
  isOver = true;
  console.log(`deleted meanwhile: ${await pruning}; throughput ${(meanwhile / before).toFixed(2)} of before`);
}
await store.close();
if (values.store.startsWith("redis")) await removeRedisKeys(values.store, REDIS_PREFIX);
if (values.keep === undefined) rmSync(directory, { recursive: true });
