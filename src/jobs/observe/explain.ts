import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { checkId } from "../send/send-options.ts";
import { isHeld } from "../store/cancel-rules.ts";
import type { JobRow } from "../store/job-row.ts";
import type { WorkerRow } from "../store/job-store.ts";

/** Why a job has not started, or does not go on, in sentences. */
export async function explain({ records, clock }: JobsContext, id: string): Promise<string[]> {
  checkId("explain", id);
  const stored = await records.get(id);
  if (stored === undefined)
    return [
      `There is no record of job ${show(id)}: it was never sent with tracking, its record is deleted by now, or it was sent while the job store could not be reached and has not started.`,
    ];
  const { row } = stored;
  const now = clock.now();
  const reasons = [...reasonsOf(row, now)];
  const waitsForWorker = (row.status === "queued" && row.dispatch === undefined) || row.status === "retrying";
  if (!waitsForWorker) return reasons;
  const workers = await records.read((store, namespace) => store.workers(namespace));
  reasons.push(workersOf(row, workers));
  if (row.status === "queued") {
    const filter = { queue: [row.queue], status: ["queued"], createdBefore: row.createdAt } as const;
    const { total, isTotalCapped } = await records.read((store, namespace) =>
      store.list(namespace, filter, { limit: 1, order: "oldest" }),
    );
    if (total > 0)
      reasons.push(
        `${isTotalCapped ? "More than " : ""}${total} jobs of queue "${row.queue}" have waited longer.`,
      );
  }
  return reasons;
}

function* reasonsOf(row: JobRow, now: number): Generator<string, void, undefined> {
  const { status, error, nextAt, runs, maxAttempts, workerId, startedAt, cancelReason, queue } = row;
  switch (status) {
    case "scheduled":
    case "queued":
      yield unsent(row, now) ?? `It was sent to queue "${queue}", and waits for a worker.`;
      break;
    case "retrying":
      yield `Attempt ${runs} of ${maxAttempts} failed: ${textOf(error)}. The next one is due at ${timeOf(nextAt)}.`;
      break;
    case "processing":
      if (isHeld(row, now))
        yield `It runs on worker ${workerId ?? "unknown"} since ${timeOf(startedAt)}, as attempt ${runs} of ${maxAttempts}.`;
      else
        yield `Worker ${workerId ?? "unknown"} began it at ${timeOf(startedAt)}, and has not been heard of since. Its message is redelivered when the lease at the queue ends. If it is not, see jobs.reconcile().`;
      if (row.cancelRequestedAt !== undefined)
        yield `It was asked to end at ${timeOf(row.cancelRequestedAt)}.`;
      break;
    case "completed":
      yield `It completed at ${timeOf(row.finishedAt)}.`;
      break;
    case "failed":
      yield `It failed at ${timeOf(row.finishedAt)} (${row.deadLetterReason ?? "unknown reason"}): ${textOf(error)}. jobs.retry runs it once more.`;
      break;
    case "cancelled":
      yield `It was cancelled at ${timeOf(row.finishedAt)}${cancelReason === undefined ? "" : `: ${cancelReason}`}.`;
      break;
    case "lost":
      yield `Its message left queue "${queue}", and no end of it was recorded. jobs.retry with force runs it once more.`;
  }
}

/** Why the message of a job is not sent; undefined if it is. */
function unsent({ dispatch, error, queue }: JobRow, now: number): string | undefined {
  if (dispatch === undefined) return undefined;
  const { dueAt, failures } = dispatch;
  if (failures > 0)
    return `Its message could not be sent to queue "${queue}", ${failures} times so far: ${textOf(error)}. The next try is at ${timeOf(dueAt)}.`;
  if (dueAt > now) return `It is due at ${timeOf(dueAt)}, ${spanOf(dueAt - now)} from now.`;
  return `It is due since ${timeOf(dueAt)}, and its message is not sent to queue "${queue}" yet. A worker of jobs.worker(), or jobs.dispatch(), sends it.`;
}

function workersOf({ type, queue }: JobRow, workers: readonly WorkerRow[]): string {
  if (workers.length === 0) return "No worker was seen within the last minute.";
  const onQueue = workers.filter(({ queues }) => queues.includes(queue));
  if (onQueue.length === 0)
    return `${workers.length} workers are live, and none of them works on queue "${queue}".`;
  const able = onQueue.filter(({ types }) => types.includes(type));
  if (able.length === 0)
    return `${onQueue.length} workers work on queue "${queue}", and none of them has a handler for type ${show(type)}.`;
  const slots = able.reduce((sum, one) => sum + one.slots, 0);
  const running = able.reduce((sum, one) => sum + one.runningCount, 0);
  return `${able.length} workers handle its type, and run ${running} jobs in ${slots} slots.`;
}

function textOf(error: JobRow["error"]): string {
  return error === undefined ? "for an unknown reason" : error.message.replace(/\.$/, "");
}

function timeOf(ms: number | undefined): string {
  return ms === undefined ? "an unknown time" : new Date(ms).toISOString();
}

function spanOf(ms: number): string {
  return ms < 120_000 ? `${Math.max(0, Math.ceil(ms / 1_000))} s` : `${Math.ceil(ms / 60_000)} min`;
}
