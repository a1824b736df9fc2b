import assert from "node:assert/strict";
import { channels, type JobEvent, type Origin, type SendEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { JobStatus } from "../jobs/store/job-row.ts";
import type { Queue } from "../queue/queue.ts";
import { type RecordedJobs, StatusHistory } from "./status-history.ts";

/** A message that was sent. */
export interface RecordedSend {
  /** The logical queue name. */
  readonly queue: string;
  /** The delay of the send, in milliseconds; 0 if there was none. */
  readonly delayMs: number;
  /** The message, with a copy of its payload. */
  readonly message: Message;
}

/** A run that ended, or a job that was dead-lettered. */
export interface RecordedJob {
  /** The logical queue name. */
  readonly queue: string;
  readonly id: string;
  readonly type: string;
  /** 1 on the first run. */
  readonly attempt: number;
  /** Undefined if the run was completed. */
  readonly error: unknown;
  /** The reason of a dead letter; undefined for a run. */
  readonly reason: string | undefined;
}

/**
 * A record of the messages that a queue sent, and of the jobs that its receivers and workers ran. {@link recordJobs}
 * creates one. It records until {@link close}.
 *
 * @example
 * const jobs = recordJobs(queue);
 * await signUp(queue, { email: "a@example.com" });
 * jobs.assertSent("send_welcome_email", { email: "a@example.com" });
 */
export class JobRecord implements Disposable {
  /** Messages that were sent, in their order. */
  readonly sent: RecordedSend[] = [];
  /** Runs that ended without an error. */
  readonly completed: RecordedJob[] = [];
  /** Runs that failed, whether the job was retried or dead-lettered. */
  readonly failed: RecordedJob[] = [];
  /** Jobs that were dead-lettered. */
  readonly deadLettered: RecordedJob[] = [];
  readonly #history = new StatusHistory();
  readonly #isRecorded: boolean;
  readonly #close: () => void;

  constructor(of: Queue | RecordedJobs) {
    const jobs = "store" in of ? of : undefined;
    const queue = "store" in of ? of.queue : of;
    this.#isRecorded = jobs !== undefined;
    const unfollow = jobs === undefined ? undefined : this.#history.follow(jobs);
    const onSend = (event: unknown): void => this.#onSend(queue, event as SendEvent);
    const onJob = (event: unknown): void => this.#onJob(queue, event as JobEvent & Origin);
    channels.send.subscribe(onSend);
    channels.job.subscribe(onJob);
    this.#close = () => {
      channels.send.unsubscribe(onSend);
      channels.job.unsubscribe(onJob);
      unfollow?.();
    };
  }

  /**
   * The statuses of a job since the record was started, the first at the front. They are those of the job's record if
   * {@link recordJobs} was given recorded jobs. Otherwise they follow from what was sent and run: a job whose delay has
   * passed goes from `scheduled` to `processing`. Two runs without a status between them are `processing` twice.
   *
   * @example
   * assert.deepEqual(jobs.statuses(id), ["queued", "processing", "retrying", "processing", "completed"]);
   */
  statuses(id: string): readonly JobStatus[] {
    return this.#history.of(id);
  }

  /**
   * Asserts that a job of this type was sent, and returns the first that matches. If `payload` is given, the job's
   * payload must contain it: properties that `payload` does not have are ignored, and arrays must have the same length.
   *
   * @throws AssertionError when no such job was sent; the message lists the jobs that were
   *
   * @example
   * const { message } = jobs.assertSent("send_welcome_email", { email: "a@example.com" });
   */
  assertSent(type: string, payload?: unknown): RecordedSend {
    const ofType = this.sent.filter((send) => send.message.type === type);
    const match = ofType.find((send) => payload === undefined || holds(send.message.payload, payload));
    const wanted = payload === undefined ? "" : ` with ${JSON.stringify(payload)}`;
    const seen =
      ofType.length === 0
        ? listed(this.sent.map((send) => send.message.type))
        : ofType.map((send) => JSON.stringify(send.message.payload)).join(", ");
    assert.ok(match, `No job ${type}${wanted} was sent. Sent were: ${seen}.`);
    return match;
  }

  /**
   * Asserts that a job of this type was completed. If `times` is given, exactly this many runs must have been
   * completed.
   *
   * @throws AssertionError when the number differs; the message lists the errors of failed runs
   *
   * @example
   * jobs.assertCompleted("send_welcome_email", 1);
   */
  assertCompleted(type: string, times?: number): void {
    const completed = this.completed.filter((job) => job.type === type).length;
    const failures = this.failed.filter((job) => job.type === type).map((job) => describeError(job.error));
    const because = failures.length === 0 ? "" : ` Runs failed with: ${failures.slice(0, 5).join("; ")}.`;
    if (times === undefined)
      assert.ok(
        completed > 0,
        `No job ${type} was completed; ${listed(this.completed.map((job) => job.type))} were.${because}`,
      );
    else
      assert.equal(
        completed,
        times,
        `${completed} jobs ${type} were completed; expected ${times}.${because}`,
      );
  }

  /**
   * Asserts that a job of this type was dead-lettered, and returns the first that matches. If `reason` is given, the
   * reason must be equal.
   *
   * @throws AssertionError when no such job was dead-lettered; the message lists the jobs that were
   *
   * @example
   * const { error } = jobs.assertDeadLettered("send_welcome_email", "max_attempts");
   */
  assertDeadLettered(type: string, reason?: string): RecordedJob {
    const match = this.deadLettered.find(
      (job) => job.type === type && (reason === undefined || job.reason === reason),
    );
    const seen = listed(this.deadLettered.map((job) => `${job.type} (${job.reason})`));
    assert.ok(
      match,
      `No job ${type}${reason === undefined ? "" : ` (${reason})`} was dead-lettered. Dead-lettered were: ${seen}.`,
    );
    return match;
  }

  /**
   * Ends the record. Its arrays keep their content.
   *
   * @example
   * jobs.close();
   */
  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onSend(queue: Queue, event: SendEvent): void {
    const { source, outcome, message, delayMs, queue: name } = event;
    if (source !== queue || outcome !== "sent") return;
    if (!this.#isRecorded) this.#history.sent(event);
    // Copied, since the sender may use its object again.
    this.sent.push({ queue: name, delayMs, message: { ...message, payload: copyOf(message.payload) } });
  }

  #onJob(queue: Queue, event: JobEvent & Origin): void {
    if (event.source !== queue) return;
    if (!this.#isRecorded) this.#history.saw(event);
    const { id, type, attempt } = event.job;
    const job: RecordedJob = {
      queue: event.queue,
      id,
      type,
      attempt,
      error: "error" in event ? event.error : undefined,
      reason: event.event === "dead_lettered" ? event.reason : undefined,
    };
    if (event.event === "completed") this.completed.push(job);
    else if (event.event === "failed") this.failed.push(job);
    else if (event.event === "dead_lettered") this.deadLettered.push(job);
  }
}

/**
 * Starts a record of the jobs of a queue connection, or of recorded jobs.
 *
 * @example
 * using jobs = recordJobs(queue);
 * await runUntilIdle(worker, "emails", { clock });
 * jobs.assertCompleted("send_welcome_email");
 */
export function recordJobs(of: Queue | RecordedJobs): JobRecord {
  return new JobRecord(of);
}

/** Copies a payload. A payload that cannot be copied, for example one with a method, is returned unchanged. */
function copyOf(payload: unknown): unknown {
  try {
    return structuredClone(payload);
  } catch {
    return payload;
  }
}

/** Returns whether `actual` contains `expected`. */
function holds(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null)
    return Object.is(actual, expected);
  // The lengths must be equal, or any array would contain an empty one.
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return false;
  // A Date has no properties of its own, so any object would contain it.
  if (expected instanceof Date) return actual instanceof Date && Number(actual) === Number(expected);
  return Object.entries(expected).every(([key, value]) =>
    holds((actual as Record<string, unknown>)[key], value),
  );
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : [...new Set(names)].join(", ");
}
