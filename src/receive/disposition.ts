import type { DeadLetterReason } from "../diagnostics.ts";

/** What is to become of a message that was handled. */
export type Disposition =
  /** Done: remove it. */
  | { readonly kind: "ack" }
  /** This run failed: again after `delayMs`, as attempt n + 1. */
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly error: unknown;
      readonly slot?: Promise<unknown>;
    }
  /** Never again: to the dead-letter queue. */
  | {
      readonly kind: "dead_letter";
      readonly reason: DeadLetterReason;
      readonly error: unknown;
      /** Whether a run failed; false where it was refused before it ran. @default true */
      readonly ran?: boolean;
      readonly slot?: Promise<unknown>;
    }
  /** Not handled, and no failure: back to the queue for whoever can. */
  | { readonly kind: "release" }
  /** Nobody here knows its type: back to the queue after `delayMs`, the attempt unchanged, first seen noted. */
  | { readonly kind: "unknown_type"; readonly delayMs: number };

/** The disposition of everything that went well; one for all. */
export const ACK: Disposition = { kind: "ack" };
