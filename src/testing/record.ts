import assert from "node:assert/strict";
import { channels, type JobEvent, type Origin, type SendEvent } from "../diagnostics.ts";
import { describeError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { Queue } from "../queue/queue.ts";

/** A message that was sent. */
export interface RecordedSend {
  readonly queue: string;
  readonly delayMs: number;
  readonly message: Message;
}

/** A run that ended. */
export interface RecordedJob {
  readonly queue: string;
  readonly id: string;
  readonly type: string;
  readonly attempt: number;
  readonly error: unknown;
  /** Why it was dead-lettered, if it was. */
  readonly reason: string | undefined;
}

/**
 * What a queue has sent, and what its receivers and workers did.
 *
 * @example
 * const jobs = recordJobs(queue);
 * await signUp(queue, { email: "a@example.com" });
 * jobs.assertSent("send_welcome_email", { email: "a@example.com" });
 */
export class JobRecord implements Disposable {
  readonly sent: RecordedSend[] = [];
  readonly completed: RecordedJob[] = [];
  /** Every run that failed, whatever became of its job. */
  readonly failed: RecordedJob[] = [];
  readonly deadLettered: RecordedJob[] = [];
  readonly #close: () => void;

  constructor(queue: Queue) {
    const onSend = (event: unknown): void => this.#onSend(queue, event as SendEvent);
    const onJob = (event: unknown): void => this.#onJob(queue, event as JobEvent & Origin);
    channels.send.subscribe(onSend);
    channels.job.subscribe(onJob);
    this.#close = () => {
      channels.send.unsubscribe(onSend);
      channels.job.unsubscribe(onJob);
    };
  }

  /**
   * Fails unless a job of this type was sent whose payload holds `payload`: the parts that are given have to agree; a
   * list is given as a whole.
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

  /** Fails unless this many jobs of this type were completed; any number but none, where it is left out. */
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

  /** Fails unless a job of this type was dead-lettered, for this reason if one is given. */
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

  /** Records no more. */
  close(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onSend(queue: Queue, { source, outcome, message, delayMs, queue: name }: SendEvent): void {
    if (source !== queue || outcome !== "sent") return;
    // The sender may use its object again.
    this.sent.push({ queue: name, delayMs, message: { ...message, payload: copyOf(message.payload) } });
  }

  #onJob(queue: Queue, event: JobEvent & Origin): void {
    if (event.source !== queue) return;
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

/** Starts a record of a queue. */
export function recordJobs(queue: Queue): JobRecord {
  return new JobRecord(queue);
}

/** What cannot be copied, a payload with a method, say, is kept as it is. */
function copyOf(payload: unknown): unknown {
  try {
    return structuredClone(payload);
  } catch {
    return payload;
  }
}

function holds(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null)
    return Object.is(actual, expected);
  // Of a list, each place counts: one that is empty would hold in any other.
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return false;
  // It has no entries of its own, and would hold in any other.
  if (expected instanceof Date) return actual instanceof Date && Number(actual) === Number(expected);
  return Object.entries(expected).every(([key, value]) =>
    holds((actual as Record<string, unknown>)[key], value),
  );
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : [...new Set(names)].join(", ");
}
