import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DISPATCH_MS } from "../../../src/jobs/dispatch/dispatcher.ts";
import type { Backend } from "../backends.ts";
import { jobTypes } from "./config.ts";
import { releaseFile } from "./holder.ts";
import { Stage } from "./stage.ts";

/** The result of a process that was frozen with jobs in hand. */
export interface FrozenReport {
  readonly jobs: number;
  /** Ends of the frozen process that the store has recorded, although another run had the job. */
  readonly staleEnds: number;
  /** Messages that the frozen process has acknowledged, although another process had them. */
  readonly foreignAcks: number;
  /** Ends of the frozen process that the store has refused. */
  readonly refused: number;
  /** Jobs that are recorded as completed, by the other process. */
  readonly completed: number;
  /** Messages that were left in the queue at the end. */
  readonly left: number;
}

const LEASE_MS = 3_000;
const PATIENCE_MS = 180_000;
/** Time for the frozen process to end its runs, in whatever way. */
const SETTLE_MS = 5_000;

/**
 * Freezes a process in the middle of its handlers, until another one has taken all of its jobs over. Its handlers then
 * return while the others run.
 */
export async function freezeHolder(backend: Backend, jobs: number): Promise<FrozenReport> {
  const stage = await Stage.open(backend, LEASE_MS);
  try {
    const messages = Array.from({ length: jobs }, (_, key) => ({
      type: jobTypes.plain,
      payload: { key },
      maxAttempts: 50,
    }));
    const outcomes = await stage.jobs.sendBatch(messages, { queue: stage.name, deadlineMs: PATIENCE_MS });
    for (const outcome of outcomes) if (!outcome.ok) throw outcome.error;
    const part = { role: "holder", concurrency: jobs, leaseMs: LEASE_MS } as const;
    const frozen = stage.start(part);
    const frozenPid = frozen.pid;
    const all = (pid: number) => async (): Promise<boolean> => (await stage.count("began", pid)) >= jobs;
    await stage.until("the first process has all jobs", PATIENCE_MS, all(frozenPid));
    frozen.child.kill("SIGSTOP");
    const other = stage.start(part);
    const otherPid = other.pid;
    await stage.until("the second process has all jobs", PATIENCE_MS, all(otherPid));
    writeFileSync(releaseFile(stage.directory, frozenPid), "");
    frozen.child.kill("SIGCONT");
    const isBack = async (): Promise<boolean> => (await stage.count("handled", frozenPid)) >= jobs;
    await stage.until("the handlers of the first process have returned", PATIENCE_MS, isBack);
    await sleep(SETTLE_MS);
    await stage.stop(frozen);
    const [staleEnds, foreignAcks, refused] = await Promise.all([
      stage.count("ended", frozenPid),
      stage.count("acked", frozenPid),
      stage.count("refused", frozenPid),
    ]);
    writeFileSync(releaseFile(stage.directory, otherPid), "");
    await stage.until("all jobs are over", PATIENCE_MS, async () => (await stage.jobs.counts()).length === 0);
    const isEmpty = async (): Promise<boolean> => (await stage.left()) === 0;
    await stage.until("the queue is empty", PATIENCE_MS, isEmpty).catch(() => undefined);
    const { total } = await stage.jobs.list({ status: "completed", limit: 1 });
    await stage.stop(other);
    return { jobs, staleEnds, foreignAcks, refused, completed: total, left: await stage.left() };
  } finally {
    await stage.close();
  }
}

/** The result of a dispatcher that was frozen after it had taken jobs. */
export interface FrozenDispatch {
  readonly jobs: number;
  readonly runs: number;
  readonly completed: number;
  readonly left: number;
}

/** Freezes a process between taking the jobs that are due and sending them, until another one has sent and run them. */
export async function freezeDispatcher(backend: Backend, jobs: number): Promise<FrozenDispatch> {
  const stage = await Stage.open(backend, LEASE_MS);
  try {
    for (let key = 0; key < jobs; key += 1)
      await stage.jobs.send(
        { type: jobTypes.plain, payload: { key }, id: `late-${key}` },
        { queue: stage.name, delay: 500 },
      );
    const part = { role: "worker", concurrency: jobs, leaseMs: LEASE_MS } as const;
    const frozen = stage.start({ ...part, crash: "dispatch_taken", freezes: true });
    await stage.until(
      "the first process has taken jobs",
      PATIENCE_MS,
      async () => (await stage.count("frozen")) > 0,
    );
    const other = stage.start(part);
    await sleep(DISPATCH_MS);
    await stage.until("all jobs are over", PATIENCE_MS, async () => (await stage.jobs.counts()).length === 0);
    frozen.child.kill("SIGCONT");
    // The second copies are sent, claimed, and acknowledged without a run.
    await sleep(SETTLE_MS);
    const isEmpty = async (): Promise<boolean> => (await stage.left()) === 0;
    await stage.until("the queue is empty", PATIENCE_MS, isEmpty).catch(() => undefined);
    await stage.stop(frozen);
    await stage.stop(other);
    const { total } = await stage.jobs.list({ status: "completed", limit: 1 });
    return { jobs, runs: await stage.count("began"), completed: total, left: await stage.left() };
  } finally {
    await stage.close();
  }
}
