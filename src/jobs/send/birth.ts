import { isQueueError, QueueError } from "../../errors.ts";
import { newId } from "../../lib/ids.ts";
import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { DISPATCH_MS, type Dispatcher, systemOf } from "../dispatch/dispatcher.ts";
import { hashOf, payloadHash } from "../payload-hash.ts";
import type { BirthAnswer, BirthChange, NewStoredJob } from "../store/change.ts";
import { stampOf } from "../track/seed.ts";
import type { StoredJobMessage } from "../store/job-row.ts";
import { isTombstone } from "../store/new-row.ts";
import { asEncoded, type Facts, storedJob } from "./facts.ts";
import type { QueueLimits } from "./queue-limits.ts";
import type { SentJob } from "./sent-job.ts";

interface BirthParts {
  readonly context: JobsContext;
  readonly limits: QueueLimits;
  readonly dispatcher: Dispatcher;
}

/** How a job is named, and when it is due. */
interface BirthTerms {
  /** 0 if it is due at once. */
  readonly delayMs: number;
  readonly idempotencyKey?: string | undefined;
  readonly idempotencyHash?: string | undefined;
  readonly transaction?: object | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds that the schema and the provider have to answer before the job is recorded. */
const CHECK_MS = 1_000;

/**
 * Records a job before its message is sent. The record is what sends the message: this process does it at once if the job
 * is due; if it dies, another one takes over.
 *
 * @throws QueueError `conflict` when another job has this id; `store_unavailable` when the store is not reached
 */
export async function bear(
  { context, limits, dispatcher }: BirthParts,
  facts: Facts,
  { delayMs, idempotencyKey, idempotencyHash, transaction, signal }: BirthTerms,
): Promise<SentJob> {
  const { records, namespace, clock } = context;
  const { queue, message, createdAt } = facts;
  const id =
    idempotencyKey === undefined
      ? message.id
      : keyedId(namespace, message.tenant, idempotencyHash === undefined ? queue : undefined, idempotencyKey);
  const scheduledAt = delayMs === 0 ? undefined : createdAt + delayMs;
  const { queue: managed } = context;
  const named = { ...message, id: id ?? newId(createdAt) };
  const system = systemOf({ createdAt, generation: 0 });
  // Synchronous up to the copy of the message, and the first to find its faults.
  const checking = managed.checkManaged(queue, named, {
    createdAt,
    scheduledAt,
    system,
    deadlineMs: CHECK_MS,
  });
  let stored: NewStoredJob;
  try {
    stored = storedJob(facts);
  } catch (error) {
    await checking;
    throw error;
  }
  await checking;
  const payload = stored.message?.payload ?? null;
  const hash = id === undefined ? undefined : (idempotencyHash ?? payloadHash(payload));
  await admit(context, limits, queue, id);
  const kept = await keptMessage(context, queue, named.id, stored, id !== undefined);
  const job = { ...stored, message: kept, scheduledAt, stamp: stampOf(new Date(createdAt)), hash };
  // From here on the job may be recorded, whatever the caller wants.
  signal?.throwIfAborted();
  // In a transaction, the sender does not learn of the commit, and so cannot send the message.
  const isTaken = delayMs === 0 && transaction === undefined;
  const birth: BirthChange = {
    kind: "birth",
    id: named.id,
    job,
    token: newId(clock.now()),
    dueInMs: delayMs,
    takenMs: isTaken ? DISPATCH_MS : 0,
  };
  const answer =
    transaction === undefined
      ? await records.change(birth)
      : await bornIn(context, queue, birth, transaction);
  if (answer.outcome === "conflict") throw conflict(named.id, queue, answer.row, idempotencyKey);
  const isNew = answer.outcome === "created";
  if (isNew && isTaken && kept !== undefined) void dispatcher.dispatch({ row: answer.row, message: kept });
  return { id: named.id, queue, created: isNew, tracked: true };
}

/** Records a job inside of a transaction of the application. */
function bornIn(
  { records }: JobsContext,
  queue: string,
  birth: BirthChange,
  transaction: object,
): Promise<BirthAnswer> {
  return records.read((store, namespace) => {
    if (store.capabilities.transactional === true && store.bearIn !== undefined)
      return store.bearIn(namespace, birth, transaction);
    throw new QueueError(
      "not_supported",
      `send: this job store (${store.name}) cannot record a job inside of a transaction. Leave transaction out and send after the commit, or keep the records in the database of the transaction: postgresJobStore or sqliteJobStore.`,
      { queue },
    );
  });
}

/**
 * The message as the record keeps it: with its payload as the codec of the queue encodes it. Nothing is encoded for a job
 * that is there already, since a codec may keep payloads by the id of their job.
 */
async function keptMessage(
  { queue: { codec }, records }: JobsContext,
  queue: string,
  id: string,
  { type, message }: NewStoredJob,
  isNamed: boolean,
): Promise<StoredJobMessage | undefined> {
  if (codec === undefined || message === undefined) return message;
  if (isNamed) {
    const there = await records.get(id);
    if (there !== undefined && !isTombstone(there.row)) return undefined;
  }
  return asEncoded(message, await codec.encode(queue, { id, type, payload: message.payload }));
}

/** A job that is there already needs no room. */
async function admit(
  { records }: JobsContext,
  limits: QueueLimits,
  queue: string,
  id: string | undefined,
): Promise<void> {
  try {
    await limits.admit(queue);
  } catch (error) {
    const isThere =
      isQueueError(error, "queue_full") && id !== undefined && (await records.get(id)) !== undefined;
    if (!isThere) throw error;
  }
}

/** The id of the job that an idempotency key names. Callers of other tenants and queues do not meet it. */
function keyedId(
  namespace: string,
  tenant: string | undefined,
  queue: string | undefined,
  key: string,
): string {
  return `key-${hashOf([namespace, tenant, queue, key])}`;
}

function conflict(
  id: string,
  queue: string,
  there: { readonly type: string; readonly queue: string },
  key: string | undefined,
): QueueError {
  const name = key === undefined ? `id ${show(id)}` : `idempotencyKey ${show(key)}`;
  const differs =
    there.queue === queue
      ? `a job of type ${show(there.type)} with another message`
      : `a job of queue "${there.queue}"`;
  return new QueueError(
    "conflict",
    `The ${name} is used by ${differs}. Nothing was sent. Choose another one, or send the same message again to get its job.`,
    { queue },
  );
}
