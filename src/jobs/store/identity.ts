import { isHeld } from "./cancel-rules.ts";
import type { JobRow } from "./job-row.ts";

/** The properties of a message that distinguish it from others of the same id. */
export interface MessageIdentity {
  readonly queue: string;
  readonly type: string;
  /** Undefined if it is not known. */
  readonly stamp?: string | undefined;
}

/**
 * The relation of a message to the row of its id:
 *
 * - `same`: The row is that of the message.
 * - `follows`: The message is a redrive of the row's job, into another queue or with another payload. The row follows it.
 * - `id_conflict`: The row is that of another queue or type.
 * - `id_reused`: The row is that of another message of this queue and type.
 */
export type Match = "same" | "follows" | "id_conflict" | "id_reused";

/**
 * Compares a message with the row of its id. No message may be acknowledged, and no job ended, for another message with the
 * same id.
 *
 * @param isNewer whether the message was redriven more often than the row knows
 */
export function matchOf(
  row: JobRow,
  { queue, type, stamp }: MessageIdentity,
  isNewer: boolean,
  now: number,
): Match {
  const isKnown = row.stamp !== undefined && stamp !== undefined;
  if (row.queue === queue && row.type === type && (!isKnown || row.stamp === stamp)) return "same";
  // A job that has neither failed nor lost its worker still has its own message. So a redriven one is another message.
  const mayBeRedriven =
    row.status === "failed" || row.status === "lost" || (row.status === "processing" && !isHeld(row, now));
  if (isNewer && mayBeRedriven && row.type === type) return "follows";
  return row.queue === queue && row.type === type ? "id_reused" : "id_conflict";
}

/** The row as it stands when a redriven message begins the next generation of its job. It has no new version yet. */
export function nextGeneration(
  row: JobRow,
  generation: number,
  { queue, type, stamp }: MessageIdentity,
): JobRow {
  return {
    ...row,
    redrives: generation,
    queue,
    type,
    stamp: stamp ?? row.stamp,
    generation,
    runs: 0,
    lapsed: 0,
    isBuried: false,
    finishedAt: undefined,
    deadLetterReason: undefined,
    cancelRequestedAt: undefined,
    cancelReason: undefined,
  };
}
