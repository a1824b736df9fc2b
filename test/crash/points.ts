/** Where a worker process is killed. */
export const crashPoints = [
  /** While handlers run. */
  "mid_handler",
  /** A clone that retries a job was accepted, and the job that it replaces is not acknowledged. */
  "between_clone_and_ack",
  /** A message that was due in the delay store was sent, and is still in the store. */
  "between_dispatch_and_done",
  /** A dead letter was written, and its original is not acknowledged. */
  "between_dead_letter_and_ack",
  /** It was told to stop, and hands back or finishes what it has. */
  "while_draining",
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/** Those that a worker passes which has a delay store, or has none. */
export function pointsOf(delayStore: string | undefined): readonly CrashPoint[] {
  return crashPoints.filter((point) => delayStore !== undefined || point !== "between_dispatch_and_done");
}

/** Of all passings of a point, the share at which the process dies there: that of points rarely passed is larger. */
export const SHARES: Readonly<Record<CrashPoint, number>> = {
  mid_handler: 1 / 25,
  between_clone_and_ack: 1 / 5,
  between_dispatch_and_done: 1 / 10,
  between_dead_letter_and_ack: 1 / 3,
  while_draining: 1 / 3,
};
