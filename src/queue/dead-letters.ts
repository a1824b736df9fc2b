import type { DeadLetterInfo, DeadLetterReason } from "../message/dead-letter-info.ts";
import type { Message, NewMessage } from "../message/message.ts";

/** One message in a dead-letter queue. */
export interface DeadLetter {
  /** The id of the message. A message that cannot be read has the broker's id. */
  readonly id: string;
  /** The reason, the error, and other details. */
  readonly info: DeadLetterInfo;
  /** The message; undefined if the body cannot be read. */
  readonly message: Message | undefined;
  /** The body as it was sent. Some providers return bytes. */
  readonly body: string | Uint8Array;
  /** The attributes of the message, also those of other programs. */
  readonly attributes: Readonly<Record<string, string>>;
  /**
   * Why the message cannot be read, or which details of its dead-lettering are invalid and were replaced; undefined if
   * there is nothing wrong. Another program may have put the message into the dead-letter queue.
   */
  readonly problem: string | undefined;
  /**
   * Identifies a group of dead letters that failed alike. They have the same type, reason and stack frame. The first 200
   * characters of their errors are the same after ids, times, addresses and numbers are replaced.
   */
  readonly fingerprint: string;
}

/** Dead letters that failed alike. */
export interface DeadLetterGroup {
  /** The fingerprint of all dead letters in the group, or `other`. */
  readonly fingerprint: string;
  /** The job type; undefined if the bodies cannot be read. */
  readonly type: string | undefined;
  readonly reason: DeadLetterReason;
  /**
   * The first 200 characters of the error. `<n>`, `<id>`, `<time>` and `<email>` replace the parts that differ within the
   * group.
   */
  readonly error: string;
  /** The place of the error, such as `charge (billing/card.ts:12)`; undefined if it is not known. */
  readonly frame: string | undefined;
  /** Number of dead letters in the group. */
  readonly count: number;
  /** The time at which the first dead letter of the group was dead-lettered. */
  readonly firstAt: Date;
  /** The time at which the last dead letter of the group was dead-lettered. */
  readonly lastAt: Date;
  /** One dead letter of the group. */
  readonly example: DeadLetter;
}

/** A selection of dead letters. A dead letter must meet all conditions; an omitted condition is not checked. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  /** The fingerprint of one group that {@link DeadLetters.groups} returned. */
  readonly fingerprint?: string | undefined;
  /** Dead-lettered at or after this time. */
  readonly since?: Date | undefined;
  /** Dead-lettered at or before this time. */
  readonly until?: Date | undefined;
}

/** The options of an operation that may take long. */
interface Long<Done> {
  /**
   * Ends the operation after the current batch of messages. The operation then resolves with the result so far.
   * @default none
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with the result so far after each message. @default none */
  readonly onProgress?: ((done: Done) => void) | undefined;
  /** Whether to change nothing, and only to count what would be changed. @default false */
  readonly dryRun?: boolean | undefined;
}

/** The options of {@link DeadLetters.redrive}. */
export interface RedriveOptions extends DeadLetterFilter, Long<RedriveResult> {
  /** Logical name of the queue to which the messages are sent. @default the queue from which they came */
  readonly to?: string | undefined;
  /**
   * Returns the message to send instead, or undefined to leave the dead letter where it is. If the function throws, or if
   * the message that it returned cannot be sent, the dead letter counts as `failed`. Other dead letters are not affected.
   *
   * `message` is undefined if the body cannot be read: `deadLetter` then has the body as it was received, the attributes,
   * and the problem. Without an `id`, the message that is sent keeps the id of the dead letter, or gets a new one if the
   * body cannot be read.
   *
   * @default none; the message is sent unchanged
   */
  readonly transform?:
    | ((
        message: Message | undefined,
        info: DeadLetterInfo,
        deadLetter: DeadLetter,
      ) => NewMessage | undefined | Promise<NewMessage | undefined>)
    | undefined;
  /** Maximum number of messages that are sent per second, more than 0. @default unlimited */
  readonly ratePerSecond?: number | undefined;
  /**
   * Called with each dead letter that matched the filter, and its outcome. In a dry run, the outcome is the one that the
   * dead letter would have.
   */
  readonly onMessage?: ((step: RedriveStep) => void) | undefined;
}

/** One dead letter in a redrive, with its outcome. */
export interface RedriveStep {
  /** The dead letter, as it was read. */
  readonly deadLetter: DeadLetter;
  readonly outcome: "redriven" | "skipped" | "failed";
  /** The message that `transform` returned; undefined if there is none. */
  readonly changed?: NewMessage | undefined;
  /** The error, if the outcome is `failed`. */
  readonly error?: unknown;
}

/** The result of a redrive. Each member is a number of dead letters. */
export interface RedriveResult {
  /** Dead letters that matched the filter. */
  readonly matched: number;
  /** Dead letters that were sent and removed from the dead-letter queue. In a dry run, those that would be. */
  readonly redriven: number;
  /** Dead letters that stay, because `transform` returned undefined. */
  readonly skipped: number;
  /**
   * Dead letters that stay, because `transform` threw, or because the message could not be sent. A dead letter that was
   * sent also counts as failed if it could not be removed, because its lease was lost.
   */
  readonly failed: number;
}

/** The options of {@link DeadLetters.discard}. */
export interface DiscardOptions extends DeadLetterFilter, Long<number> {
  /**
   * Decides about each dead letter that matches the filter: false keeps it. If the function throws, the operation ends, and
   * rejects with that error.
   *
   * @default all are removed
   */
  readonly where?: ((deadLetter: DeadLetter) => boolean | Promise<boolean>) | undefined;
}

/** The options of {@link DeadLetters.list}. */
export interface ListOptions extends DeadLetterFilter {
  /** Maximum number of dead letters to return, 1 or more. @default 100 */
  readonly limit?: number | undefined;
  /** Ends the operation. The operation then resolves with the dead letters that were read. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link DeadLetters.groups}. */
export interface GroupsOptions extends DeadLetterFilter {
  /** Ends the operation. The operation then resolves with the groups so far. @default none */
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of dead letters that were read so far. @default none */
  readonly onProgress?: ((read: number) => void) | undefined;
}

/**
 * The dead letters of one queue. Each method leases the messages that it reads from the dead-letter queue, and releases
 * those that stay. Methods reject with a `QueueError`:
 *
 * - `invalid_options` when an option is wrong
 * - `not_found` when the queue or its dead-letter queue does not exist
 * - `auth`, `unavailable` or `provider` when the provider refuses a request or cannot be reached
 */
export interface DeadLetters {
  /**
   * Returns up to `limit` dead letters, and leaves them where they are.
   *
   * @example
   * for (const { id, info } of await queue.deadLetters("emails").list({ reason: "max_attempts" }))
   *   console.log(id, info.error);
   */
  list(options?: ListOptions): Promise<DeadLetter[]>;
  /**
   * Reads all dead letters, leaves them where they are, and groups those that failed alike. The most frequent group
   * comes first. There are at most 1,000 groups. Dead letters that fit none of them form one more group, `other`.
   *
   * @example
   * const [worst] = await queue.deadLetters("emails").groups();
   * console.log(worst?.count, worst?.error);
   */
  groups(options?: GroupsOptions): Promise<DeadLetterGroup[]>;
  /**
   * Sends dead letters back to the queue from which they came, or to another queue. Their attempts start again at 1. Each
   * one is removed only after it was sent. So a crash loses no message, but may leave a message in both queues.
   *
   * An error of the provider ends the redrive: the promise rejects, and the last call of `onProgress` has the result so
   * far. If a callback throws, the redrive also ends, and the promise rejects with the error of the callback.
   *
   * @throws QueueError with the codes of `Queue.send`, except `too_large`: a message that is too large counts as `failed`
   *
   * @example
   * const { redriven, failed } = await queue.deadLetters("emails").redrive({
   *   type: "send_welcome_email",
   *   ratePerSecond: 50,
   *   onMessage: ({ deadLetter, outcome }) => console.log(deadLetter.id, outcome),
   * });
   */
  redrive(options?: RedriveOptions): Promise<RedriveResult>;
  /**
   * Removes dead letters permanently. Resolves with the number of removed dead letters. Without a filter, all are removed.
   *
   * @example
   * const removed = await queue.deadLetters("emails").discard({ until: new Date("2026-01-01") });
   */
  discard(options: DiscardOptions): Promise<number>;
}
