import { checkKeys, type KnownKeys, QueueError } from "../../errors.ts";
import { suggestion } from "../../lib/closest.ts";
import { type Duration, durationMs } from "../../lib/duration.ts";
import { show } from "../../lib/text.ts";
import type { Delay } from "../../message/delay.ts";
import type { NewMessage } from "../../message/message.ts";
import { priorities, type Priority } from "../store/job-row.ts";

/** The options of `Jobs.send`. */
export interface JobSendOptions {
  /** The logical queue name. @default the queue of the job definition, or of `queueOf` of `createJobs` */
  readonly queue?: string | undefined;
  /** When the job is due: a duration or a date. @default at once */
  readonly delay?: Delay | undefined;
  /** Recorded with the job. @default normal */
  readonly priority?: Priority | undefined;
  /** The customer for whom the job runs: 1 to 128 bytes. @default none */
  readonly tenant?: string | undefined;
  /** Labels, to find the job by: at most 20, each of 1 to 64 bytes. @default none */
  readonly tags?: readonly string[] | undefined;
  /**
   * Names the request. A second request with the same key and the same message gets the job of the first.
   * @default none
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * A hash of the whole request that `idempotencyKey` names. A repetition with another hash is refused as `conflict`.
   * @default a hash of the payload
   */
  readonly idempotencyHash?: string | undefined;
  /**
   * The transaction of the application in which the job is recorded: the client of a PostgreSQL transaction, or the
   * `DatabaseSync` of one in SQLite, of the database of the job store. The job is sent to its queue after the commit, and
   * never if there is none. It needs a job store that is `transactional`.
   * @default none
   */
  readonly transaction?: object | undefined;
  /** Maximum time of the send; a number is in milliseconds. @default the queue's `sendDeadlineMs` */
  readonly deadlineMs?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
}

const KEYS: KnownKeys<JobSendOptions> = {
  queue: true,
  delay: true,
  priority: true,
  tenant: true,
  tags: true,
  idempotencyKey: true,
  idempotencyHash: true,
  transaction: true,
  deadlineMs: true,
  signal: true,
};

const MAX_ID_BYTES = 128;
const MAX_TENANT_BYTES = 128;
const MAX_TAGS = 20;
const MAX_TAG_BYTES = 64;
const MAX_KEY_BYTES = 256;
// oxlint-disable-next-line no-control-regex -- finds control characters
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Checks the options of a send.
 * @throws QueueError `invalid_options`
 */
export function checkSendOptions(where: string, options: JobSendOptions): void {
  checkKeys(where, options, KEYS);
  const { priority, tenant, tags, idempotencyKey, idempotencyHash, deadlineMs } = options;
  if (priority !== undefined && !priorities.includes(priority)) {
    const sentence = `${where}: unknown priority ${show(priority)}; ${suggestion(priority, priorities)}`;
    throw new QueueError("invalid_options", sentence);
  }
  if (tenant !== undefined) checkName(where, "tenant", tenant, MAX_TENANT_BYTES);
  if (idempotencyKey !== undefined) checkName(where, "idempotencyKey", idempotencyKey, MAX_KEY_BYTES);
  if (idempotencyHash !== undefined) {
    checkName(where, "idempotencyHash", idempotencyHash, MAX_KEY_BYTES);
    if (idempotencyKey === undefined) throw refused(where, "idempotencyHash belongs to an idempotencyKey");
  }
  if (tags !== undefined) checkTags(where, tags);
  if (deadlineMs !== undefined) checkDeadline(where, deadlineMs);
  const { transaction } = options;
  if (transaction !== undefined && (typeof transaction !== "object" || transaction === null))
    throw refused(
      where,
      `transaction is the client or the database object of a transaction; got ${show(transaction)}`,
    );
}

/**
 * Checks the id of a job.
 * @throws QueueError `invalid_options`
 */
export function checkId(where: string, id: unknown): asserts id is string {
  checkName(where, "id of a job", id, MAX_ID_BYTES);
}

/** Refuses options that belong together with a record, or that exclude each other. */
export function checkStoreBorn(queue: string, message: NewMessage, { idempotencyKey }: JobSendOptions): void {
  if (message.id !== undefined && idempotencyKey !== undefined)
    throw new QueueError(
      "invalid_options",
      "send: give the message an id, or the send an idempotencyKey, not both. The key chooses the id of the job.",
      { queue },
    );
  const forbidden = (what: string, instead: string): QueueError =>
    new QueueError(
      "not_supported",
      `send: ${what} is not possible with an id, an idempotencyKey, a delay or a transaction, since such a job is recorded first and sent from the record. ${instead}`,
      { queue },
    );
  if (message.orderingKey !== undefined)
    throw forbidden("an orderingKey", "Leave one of them out; the order of its messages could not be kept.");
  if (message.dedupId !== undefined) throw forbidden("a dedupId", "Use the idempotencyKey in its place.");
}

function checkTags(where: string, tags: unknown): void {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS)
    throw refused(where, `tags is a list of at most ${MAX_TAGS} texts; got ${show(tags)}`);
  for (const tag of Array.from<unknown>(tags)) checkName(where, "tag", tag, MAX_TAG_BYTES);
}

function checkDeadline(where: string, deadline: Duration): void {
  const ms = durationMs(deadline);
  if (!(Number.isFinite(ms) && ms > 0))
    throw refused(where, `deadlineMs is a duration, more than 0 milliseconds; got ${show(deadline)}`);
}

/** Checks a text that is stored and shown. */
export function checkName(
  where: string,
  what: string,
  value: unknown,
  maxBytes: number,
): asserts value is string {
  if (typeof value !== "string" || value === "")
    throw refused(where, `the ${what} is a non-empty string; got ${show(value)}`);
  if (value.length > maxBytes || Buffer.byteLength(value) > maxBytes)
    throw refused(where, `the ${what} has at most ${maxBytes} bytes; shorten ${show(value)}`);
  if (CONTROL.test(value) || !value.isWellFormed())
    throw refused(
      where,
      `the ${what} has no control characters, and is well-formed Unicode; got ${show(value)}`,
    );
}

function refused(where: string, what: string): QueueError {
  return new QueueError("invalid_options", `${where}: ${what}.`);
}
