import { setTimeout as sleep } from "node:timers/promises";
import { DISPATCH_MS } from "../../../src/jobs/dispatch/dispatcher.ts";
import type { AdapterConfig } from "../config.ts";
import type { Started } from "../processes.ts";
import { jobTypes } from "./config.ts";
import type { JobLogEvent } from "./job-log.ts";
import { Stage } from "./stage.ts";

/** The result of processes that were frozen with jobs in hand. */
export interface FrozenReport {
  /** Number of times that a process was frozen. */
  readonly freezes: number;
  readonly jobs: number;
  /** Runs that frozen processes had in hand. */
  readonly held: number;
  /** Ends of those runs that the store has recorded, although another run had the job. */
  readonly staleEnds: number;
  /** Messages of those runs that their process has acknowledged, although another process had them. */
  readonly foreignAcks: number;
  /** Ends of those runs that the store has refused. */
  readonly refused: number;
  /** Jobs that are recorded as completed. */
  readonly completed: number;
  /** Messages that were left in the queue at the end. */
  readonly left: number;
}

/** How often processes are frozen, and with how many jobs. */
export interface Freezing {
  readonly times: number;
  /** Jobs of a pair of processes at each freeze. */
  readonly jobs: number;
  /** Pairs of processes at once, each with a queue and a job store of its own. @default 1 */
  readonly pairs?: number | undefined;
  /** Long enough that a process which is not frozen keeps its leases. @default 3000 */
  readonly leaseMs?: number | undefined;
}

/** A process, and the jobs that it had in hand when it was frozen. */
interface Frozen {
  readonly pid: number;
  readonly ids: ReadonlySet<string>;
}

const SEND_MS = 120_000;
/** Time for the frozen dispatcher to send, and for the copies to be received. */
const SETTLE_MS = 5_000;

/**
 * Freezes a process in the middle of its handlers, until another one has taken all of its jobs over. Its handlers then
 * return while the others run. Each pair of processes does so again and again.
 */
export async function freezeHolders(
  adapter: AdapterConfig,
  { times, jobs, pairs = 1, leaseMs }: Freezing,
): Promise<FrozenReport> {
  const shares = Array.from({ length: pairs }, (_, pair) => Math.floor((times + pair) / pairs));
  const reports = await Promise.all(
    shares.map((share) => freezePair(adapter, { times: share, jobs, leaseMs })),
  );
  const sum = (of: (report: FrozenReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    freezes: sum(({ freezes }) => freezes),
    jobs: sum((report) => report.jobs),
    held: sum(({ held }) => held),
    staleEnds: sum(({ staleEnds }) => staleEnds),
    foreignAcks: sum(({ foreignAcks }) => foreignAcks),
    refused: sum(({ refused }) => refused),
    completed: sum(({ completed }) => completed),
    left: sum(({ left }) => left),
  };
}

async function freezePair(adapter: AdapterConfig, { times, jobs, leaseMs }: Freezing): Promise<FrozenReport> {
  const stage = await Stage.open(adapter, { leaseMs });
  try {
    const pair: Started[] = [];
    const frozen: Frozen[] = [];
    for (let round = 0; round < times; round += 1) frozen.push(await freezeOne(stage, pair, jobs));
    for (const one of pair) await stage.stop(one);
    const log = await stage.log();
    const { total: completed } = await stage.jobs.list({ status: "completed", limit: 1 });
    const count = (kind: JobLogEvent["kind"]): number =>
      frozen.reduce(
        (sum, one) => sum + log.filter((event) => event.kind === kind && isOf(event, one)).length,
        0,
      );
    return {
      freezes: times,
      jobs: times * jobs,
      held: frozen.reduce((sum, { ids }) => sum + ids.size, 0),
      staleEnds: count("ended"),
      foreignAcks: count("acked"),
      refused: count("refused"),
      completed,
      left: await stage.left(),
    };
  } finally {
    await stage.close();
  }
}

/** Freezes one process of the pair, that which has more of the jobs. At first there is only one, which has all of them. */
async function freezeOne(stage: Stage, pair: Started[], jobs: number): Promise<Frozen> {
  const ids = await send(stage, jobs);
  const part = { role: "holder", concurrency: 2 * jobs } as const;
  if (pair.length === 0) pair.push(stage.start(part));
  const begun = async ({ pid }: Started): Promise<string[]> => {
    const log = await stage.log();
    return ids.filter((id) =>
      log.some((event) => event.kind === "began" && isOf(event, { pid, ids: new Set([id]) })),
    );
  };
  const all = async (): Promise<boolean> => {
    const counts = await Promise.all(pair.map(async (one) => (await begun(one)).length));
    return counts.reduce((sum, count) => sum + count, 0) >= jobs;
  };
  await stage.until("all jobs are in hand", all);
  const [first, second] = pair as [Started, Started | undefined];
  const isFirst = second === undefined || (await begun(first)).length >= (await begun(second)).length;
  const held = isFirst ? first : second;
  const heldIds = await begun(held);
  held.child.kill("SIGSTOP");
  if (second === undefined) pair.push(stage.start(part));
  const other = pair.find((one) => one !== held) as Started;
  await stage.until("the other process has all jobs", async () => (await begun(other)).length >= jobs);
  const frozen = { pid: held.pid, ids: new Set(heldIds) };
  for (const id of heldIds) stage.release(held, id);
  held.child.kill("SIGCONT");
  const isAnswered = async (): Promise<boolean> => {
    const log = await stage.log();
    return log.filter((event) => isAnswer(event) && isOf(event, frozen)).length >= heldIds.length;
  };
  await stage.until("the ends of the first process are answered", isAnswered);
  for (const id of ids) stage.release(other, id);
  await stage.untilOver();
  return frozen;
}

async function send({ jobs, name }: Stage, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, key) => ({
    type: jobTypes.plain,
    payload: { key },
    maxAttempts: 50,
  }));
  const outcomes = await jobs.sendBatch(messages, { queue: name, deadlineMs: SEND_MS });
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error;
    return outcome.job.id;
  });
}

function isAnswer({ kind }: JobLogEvent): boolean {
  return kind === "ended" || kind === "refused" || kind === "overruled";
}

function isOf(event: JobLogEvent, { pid, ids }: Frozen): boolean {
  return "process" in event && event.process === pid && "id" in event && ids.has(event.id);
}

/** The result of a dispatcher that was frozen after it had taken jobs. */
export interface FrozenDispatch {
  readonly jobs: number;
  readonly runs: number;
  readonly completed: number;
  readonly left: number;
}

/** Freezes a process between taking the jobs that are due and sending them, until another one has sent and run them. */
export async function freezeDispatcher(adapter: AdapterConfig, jobs: number): Promise<FrozenDispatch> {
  const stage = await Stage.open(adapter);
  try {
    for (let key = 0; key < jobs; key += 1)
      await stage.jobs.send(
        { type: jobTypes.plain, payload: { key }, id: `late-${key}` },
        { queue: stage.name, delay: 500 },
      );
    const part = { role: "worker", concurrency: jobs } as const;
    const frozen = stage.start({ ...part, crash: "dispatch_taken", freezes: true });
    await stage.until("the first process has taken jobs", async () => (await stage.count("frozen")) > 0);
    const other = stage.start(part);
    await sleep(DISPATCH_MS);
    await stage.until("all jobs are over", async () => (await stage.jobs.counts()).length === 0);
    frozen.child.kill("SIGCONT");
    // The second copies are sent, claimed, and acknowledged without a run.
    await sleep(SETTLE_MS);
    await stage.untilOver();
    await stage.stop(frozen);
    await stage.stop(other);
    const { total } = await stage.jobs.list({ status: "completed", limit: 1 });
    return { jobs, runs: await stage.count("began"), completed: total, left: await stage.left() };
  } finally {
    await stage.close();
  }
}
