import { isQueueError } from "../../../src/errors.ts";
import type { Jobs } from "../../../src/jobs/index.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import type { JobHost } from "./job-process.ts";
import type { PlannedRepeat, PlannedSend } from "./plan.ts";
import type { TrackedJob } from "./tracked-job.ts";

/** The payload of every message. */
export interface Payload {
  readonly key: string;
  /** Whether it is another message with the id of the first. */
  readonly isOther?: boolean;
}

/** The parts of a process that a sender uses. */
export interface SenderParts {
  readonly host: JobHost;
  readonly jobs: Jobs;
  readonly queue: Queue;
  /** The jobs whose send has no answer. */
  readonly sending: Set<TrackedJob>;
}

/** Sends one job, or those of a batch, and records what the sender is told. */
export async function sendJobs(
  { host, jobs, queue: plainQueue, sending }: SenderParts,
  { way, jobs: planned, id, delayMs, queue: index }: PlannedSend,
): Promise<void> {
  const { world } = host;
  const { ledger } = world;
  const queue = world.queues[index]?.main ?? "";
  const tracked = planned.map(({ key }) => ledger.of(key));
  for (const job of tracked) {
    job.sent = "pending";
    job.dueAt = world.now() + delayMs;
    sending.add(job);
  }
  const messages = planned.map(({ type, key, maxAttempts }): NewMessage => {
    const named = way === "id" || way === "bare" ? { id } : {};
    const ordered =
      world.plan.isOrdered && (way === "plain" || way === "batch") ? { orderingKey: `k${key.length}` } : {};
    return { ...named, ...ordered, type, payload: { key } satisfies Payload, maxAttempts };
  });
  const conclude = (job: TrackedJob | undefined, error: unknown, sentId?: string): void => {
    if (job === undefined || host.isDead) return;
    if (error === undefined) job.id = sentId;
    job.sent = error === undefined ? "accepted" : isCertain(error) ? "refused" : "unknown";
    sending.delete(job);
    world.note(
      host.name,
      `send ${job.planned.key} (${way}, delay ${delayMs}): ${job.sent} ${error instanceof Error ? error.message : ""}`,
    );
  };
  if (way === "batch") {
    for (const [at, outcome] of (await jobs.sendBatch(messages, { queue })).entries())
      conclude(tracked[at], outcome.ok ? undefined : outcome.error, outcome.ok ? outcome.job.id : undefined);
    return;
  }
  const [message] = messages;
  if (message === undefined) return;
  const key = way === "key" ? { idempotencyKey: id } : {};
  const delay = delayMs > 0 ? { delay: delayMs } : {};
  try {
    const sent =
      way === "bare"
        ? await plainQueue.send(queue, message)
        : await jobs.send(message, { queue, ...key, ...delay });
    conclude(tracked[0], undefined, sent.id);
  } catch (error) {
    conclude(tracked[0], error);
  }
}

/** Sends a job once more that was accepted. It is not created a second time. */
export async function repeatSend(
  { host, jobs }: SenderParts,
  { key, isOther }: PlannedRepeat,
): Promise<void> {
  const { ledger, queues } = host.world;
  const job = ledger.jobs.get(key);
  if (job === undefined || job.isShared || job.sent !== "accepted") return;
  const { id, send, planned } = job;
  const { type, maxAttempts } = planned;
  const queue = queues[send.queue]?.main ?? "";
  const named = send.way === "id" ? { id } : {};
  const payload: Payload = isOther ? { key, isOther } : { key };
  const options = { queue, ...(send.way === "key" ? { idempotencyKey: send.id } : {}) };
  try {
    const again = await jobs.send({ ...named, type, payload, maxAttempts }, options);
    if (host.isDead) return;
    if (isOther) ledger.violate("conflict", `${key}: another message with its id was accepted`);
    if (again.id !== id) ledger.violate("conflict", `${key} is ${id}, and ${again.id} when it is sent again`);
    if (again.created && !ledger.recordOf(job).isArchived)
      ledger.violate("conflict", `${key} is created twice`);
  } catch (error) {
    if (host.isDead || isQueueError(error, isOther ? "conflict" : "store_unavailable")) return;
    if (!isQueueError(error, "store_unavailable"))
      ledger.violate("conflict", `${key} cannot be sent again: ${String(error)}`);
  }
}

/** Whether a send has certainly had no effect. */
function isCertain(error: unknown): boolean {
  return (
    isQueueError(error) &&
    ["conflict", "invalid_options", "not_supported", "send_failed"].includes(error.code)
  );
}
