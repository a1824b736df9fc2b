import { setTimeout as sleep } from "node:timers/promises";
import type { JobFilter, JobSnapshot, Jobs } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";

/** Longest time for which a killed operator holds the dead letters that it has looked at. */
const HELD_MS = 60_000;
const LOOK_MS = 2_000;
const PAGE = 200;

/** The records and queues at the end of a campaign. */
export interface Records {
  readonly jobs: readonly JobSnapshot[];
  /** The ids of the messages in the dead-letter queues. */
  readonly deadLetters: ReadonlySet<string>;
  /** Messages in the queues. */
  readonly left: number;
}

/** Reads all records and all dead letters. */
export async function recordsOf(jobs: Jobs, queue: Queue, names: readonly string[]): Promise<Records> {
  const found = await allJobs(jobs);
  const left = await messagesIn(queue, names);
  const failed = found.filter(({ status }) => status === "failed");
  const deadLetters = new Set<string>();
  const until = Date.now() + HELD_MS;
  do {
    for (const name of names)
      for (const { id } of await queue.deadLetters(name).list({ limit: Number.MAX_SAFE_INTEGER }))
        if (id !== undefined) deadLetters.add(id);
  } while (
    failed.some(({ id }) => !deadLetters.has(id)) &&
    Date.now() < until &&
    (await sleep(LOOK_MS, true))
  );
  return { jobs: found, deadLetters, left };
}

/** The records of the pages of a list: of all, or until there are `most`. */
export async function allJobs(
  jobs: Jobs,
  filter: JobFilter = {},
  most: number = Number.POSITIVE_INFINITY,
): Promise<JobSnapshot[]> {
  const found: JobSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = await jobs.list({ ...filter, limit: PAGE, cursor });
    found.push(...page.jobs);
    cursor = page.nextCursor;
  } while (cursor !== undefined && found.length < most);
  return found;
}

/** Number of messages in the queues: those that wait, are leased, or are delayed. */
export async function messagesIn(queue: Queue, names: readonly string[]): Promise<number> {
  let count = 0;
  for (const name of names) {
    const { messages = 0, inFlight = 0, delayed = 0 } = await queue.stats(name);
    count += messages + inFlight + delayed;
  }
  return count;
}
