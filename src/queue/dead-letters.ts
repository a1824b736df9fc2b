import type { DeadLetterInfo, DeadLetterReason } from "../message/dead-letter-info.ts";
import type { Message, NewMessage } from "../message/message.ts";

/** One dead letter. */
export interface DeadLetter {
  /** The message's id; a malformed one has the broker's, or a digest of its body. */
  readonly id: string;
  readonly info: DeadLetterInfo;
  /** Undefined where the body cannot be read. */
  readonly message: Message | undefined;
  /** The body as it came. */
  readonly body: string | Uint8Array;
  /** The same for dead letters that failed alike: by type, reason, error without its figures (the first 200 characters), and frame. */
  readonly fingerprint: string;
}

/** Dead letters that failed alike. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  /** Undefined where bodies cannot be read. */
  readonly type: string | undefined;
  readonly reason: DeadLetterReason;
  /** The first 200 characters of the error, with `<n>`, `<id>` and the like where they differ. */
  readonly error: string;
  readonly frame: string | undefined;
  readonly count: number;
  /** When the first and the last of them were dead-lettered. */
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** One of them. */
  readonly example: DeadLetter;
}

/** Which dead letters are meant; all conditions hold together. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  /** Of one group, as `groups` tells them. */
  readonly fingerprint?: string | undefined;
  /** Dead-lettered at or after this moment. */
  readonly since?: Date | undefined;
  /** Dead-lettered at or before this moment. */
  readonly until?: Date | undefined;
}

/** Of something that takes its time, and may be stopped. */
interface Long<Done> {
  /** Stops it after the messages at hand; what was done so far is in the result. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: Done) => void) | undefined;
  /** Only counts. @default false */
  readonly dryRun?: boolean | undefined;
}

/** What a redrive does with what it finds. */
export interface RedriveOptions extends DeadLetterFilter, Long<RedriveResult> {
  /** The queue that they go to. @default the one that they came from */
  readonly to?: string | undefined;
  /**
   * Changes each message on its way; undefined leaves it where it is. So does an error that it throws, and a message
   * that cannot be sent: that one fails, and the others go on.
   */
  readonly transform?:
    | ((message: Message, info: DeadLetterInfo) => NewMessage | undefined | Promise<NewMessage | undefined>)
    | undefined;
  /** @default unlimited */
  readonly ratePerSecond?: number | undefined;
  /** Told of each that matched, and what became of it; in a dry run, what would. */
  readonly onMessage?: ((step: RedriveStep) => void) | undefined;
}

/** What became of one dead letter. */
export interface RedriveStep {
  readonly deadLetter: DeadLetter;
  readonly outcome: "redriven" | "skipped" | "failed";
  /** What was made of it, where a transform did. */
  readonly changed?: NewMessage | undefined;
  /** Why it failed. */
  readonly error?: unknown;
}

/** What a redrive has done. */
export interface RedriveResult {
  /** Matched the filter. */
  readonly matched: number;
  /** Sent, and removed here, which was confirmed; in a dry run, would be. */
  readonly redriven: number;
  /** Matched, and left where they are: the transform said so, or they cannot be read and there is one. */
  readonly skipped: number;
  /**
   * Matched, and left where they are: the transform threw, or what it made cannot be sent. Or sent, and here all the
   * same, since its lease was lost meanwhile.
   */
  readonly failed: number;
}

/** What a discard does with what it finds. */
export type DiscardOptions = DeadLetterFilter & Long<number>;

/** What a look at some dead letters takes. */
export interface ListOptions extends DeadLetterFilter {
  /** @default 100 */
  readonly limit?: number | undefined;
  /** Ends it with what was read so far. */
  readonly signal?: AbortSignal | undefined;
}

/** What a look at all dead letters takes. */
export interface GroupsOptions extends DeadLetterFilter {
  readonly signal?: AbortSignal | undefined;
  /** Told how many were read. */
  readonly onProgress?: ((read: number) => void) | undefined;
}

/** The dead letters of one queue. */
export interface DeadLetters {
  /** Reads up to `limit` (100) dead letters, and leaves them where they are. */
  list(options?: ListOptions): Promise<DeadLetter[]>;
  /**
   * Reads them all, leaves them where they are, and tells those that failed alike together, the most frequent first.
   * The first 1,000 groups are told apart; what is of none of them is one more, `other`.
   */
  groups(options?: GroupsOptions): Promise<DeadLetterGroup[]>;
  /**
   * Sends them back to the queue they came from, or to another; their attempts start over. Each is removed only after
   * it was sent: to be killed half way leaves one twice at most. A provider that fails, to remove one too, ends it; what
   * was done by then was reported to `onProgress`. What a callback throws ends it as well, and is thrown.
   */
  redrive(options?: RedriveOptions): Promise<RedriveResult>;
  /** Removes them for good; returns how many. */
  discard(options: DiscardOptions): Promise<number>;
}
