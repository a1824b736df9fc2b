import { isQueueError } from "../../errors.ts";
import type { DeadLetter } from "../../queue/dead-letters.ts";
import type { JobsContext } from "../context.ts";
import { reasonOf } from "../reason.ts";
import type { JobRow } from "../store/job-row.ts";
import { stampsOf } from "../track/seed.ts";

/** Dead letters of a queue that are looked at in one pass. */
const MAX_LOOKS = 10_000;
/** Time in which runs that ended tell that a queue has jobs. */
const DAY_MS = 86_400_000;

/**
 * Discards the dead letters of jobs that were sent again from their record, and run since: nothing can come of them. A
 * queue is removed from `queues` when all of its dead letters were looked at.
 */
export async function discardOutdated(
  context: JobsContext,
  queues: Set<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const queue of queues) {
    if (signal?.aborted === true) return;
    try {
      if (await discardIn(context, queue, signal)) queues.delete(queue);
    } catch (error) {
      if (isQueueError(error, "store_unavailable")) throw error;
      context.warn(
        "reconcile",
        `The dead letters of queue "${queue}" could not be looked at: ${reasonOf(error)}. It is tried again.`,
      );
    }
  }
}

/** The queues that have unfinished jobs, or had runs within a day. */
export async function queuesWithJobs({ records }: JobsContext): Promise<Set<string>> {
  const [counts, minutes] = await Promise.all([
    records.read((store, namespace) => store.counts(namespace)),
    records.read(async (store, namespace) => store.minutes(namespace, (await store.now()) - DAY_MS)),
  ]);
  return new Set([...counts, ...minutes].map(({ queue }) => queue));
}

/** Whether all dead letters of the queue were looked at. */
async function discardIn(
  { queue: managed, records }: JobsContext,
  queue: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { failed } = await managed.stats(queue);
  if (failed === 0) return true;
  const enough = new AbortController();
  let looks = 0;
  await managed.deadLetters(queue).discard({
    signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
    where: async (deadLetter) => {
      looks += 1;
      if (looks >= MAX_LOOKS) enough.abort();
      if (deadLetter.message === undefined) return false;
      const stored = await records.get(deadLetter.id);
      // A message that was sent to two queues at once, with one id, is two jobs, and the record is that of one of them.
      return stored?.row.queue === queue && isOutdated(stored.row, deadLetter);
    },
  });
  return signal?.aborted !== true;
}

/**
 * Whether a later copy of the message was claimed, since it was retried or redriven: this one would be acknowledged without
 * a run. It is kept as long as it may be the only one that has the payload.
 */
function isOutdated(
  { type, stamp, redrives, status, hasMessage }: JobRow,
  { message, attributes }: DeadLetter,
): boolean {
  if (message?.type !== type || stamp === undefined) return false;
  if (!stampsOf(message, attributes["qp_job"]).includes(stamp)) return false;
  const isKept = hasMessage || status === "completed" || status === "cancelled";
  return isKept && Number(attributes["qp_redrive"] ?? 0) < redrives;
}
