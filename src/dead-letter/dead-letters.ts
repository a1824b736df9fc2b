import type { DeadLetterReason } from "../diagnostics.ts";
import type { Message, NewMessage } from "../message.ts";

/** Why, when and where from a message was dead-lettered. */
export interface DeadLetterInfo {
  readonly reason: DeadLetterReason;
  /** The last error, cut to fit; empty where there was none. */
  readonly error: string;
  readonly attempts: number;
  /** The queue that it came from. */
  readonly source: string;
  readonly at: Date;
  /** When it was created. */
  readonly firstSeenAt?: Date | undefined;
  /** The key that it had, where the dead-letter queue is ordered: there, each message has a key of its own. */
  readonly orderingKey?: string | undefined;
}

/** One dead letter. */
export interface DeadLetter {
  /** The message's id; a malformed one has the broker's, or a digest of its body. */
  readonly id: string;
  readonly info: DeadLetterInfo;
  /** Undefined where the body cannot be read. */
  readonly message: Message | undefined;
  /** The body as it came. */
  readonly body: string | Uint8Array;
}

/** Which dead letters are meant; all conditions hold together. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  /** Dead-lettered at or after this moment. */
  readonly since?: Date | undefined;
}

/** What a redrive does with what it finds. */
export interface RedriveOptions extends DeadLetterFilter {
  /** Changes each message on its way; undefined leaves it where it is. */
  readonly transform?:
    | ((message: Message, info: DeadLetterInfo) => NewMessage | undefined | Promise<NewMessage | undefined>)
    | undefined;
  /** @default unlimited */
  readonly ratePerSecond?: number | undefined;
  /** Only counts. @default false */
  readonly dryRun?: boolean | undefined;
  /** Stops after the message at hand; what was done so far is in the result. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: RedriveResult) => void) | undefined;
}

export interface RedriveResult {
  /** Matched the filter. */
  readonly matched: number;
  /** Sent to the source queue and removed here; in a dry run, would be. */
  readonly redriven: number;
  /** Matched, and left where they are: the transform said so, or could not read them. */
  readonly skipped: number;
}

/** The dead letters of one queue. */
export interface DeadLetters {
  /** Reads up to `limit` (100) dead letters, and leaves them where they are. */
  list(
    options?: Omit<DeadLetterFilter, "ids"> & { readonly limit?: number | undefined },
  ): Promise<DeadLetter[]>;
  /**
   * Sends them back to the queue they came from; their attempts start over. Each is removed only after it was sent:
   * to be killed half way leaves one twice at most. A failing send or transform ends it; what was done by then was
   * reported to `onProgress`.
   */
  redrive(options?: RedriveOptions): Promise<RedriveResult>;
  /** Removes them for good; returns how many. */
  discard(options: DeadLetterFilter & { readonly signal?: AbortSignal | undefined }): Promise<number>;
}
