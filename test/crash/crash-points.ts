/** The points at which a worker process is killed. */
export const crashPoints = [
  /** Handlers are running. */
  "mid_handler",
  /** The copy that retries a job was accepted, and the original is not acknowledged yet. */
  "between_copy_and_ack",
  /** A message that was due in the delay store was sent, and is still in the store. */
  "between_dispatch_and_done",
  /** A dead letter was written, and its original is not acknowledged yet. */
  "between_dead_letter_and_ack",
  /** The worker was asked to stop, and settles the messages that it holds. */
  "while_draining",
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/** The points that a worker passes, with or without a delay store. */
export function pointsOf(delayStore: string | undefined): readonly CrashPoint[] {
  return crashPoints.filter((point) => delayStore !== undefined || point !== "between_dispatch_and_done");
}

/** Probability that the process dies each time it passes a point. Rarely passed points have a higher one. */
export const CRASH_CHANCES: Readonly<Record<CrashPoint, number>> = {
  mid_handler: 1 / 25,
  between_copy_and_ack: 1 / 5,
  between_dispatch_and_done: 1 / 10,
  between_dead_letter_and_ack: 1 / 3,
  while_draining: 1 / 3,
};
