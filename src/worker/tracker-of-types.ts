import type { Tracker } from "../queue/tracker.ts";

/** The tracker of a worker, which also follows the life of the worker. */
export interface WorkerTracker extends Tracker {
  /** Called when the worker begins. */
  began?(queues: readonly string[]): void;
  /** Called when the drain of the worker begins. */
  draining?(): void;
  /** Called when every receiver has ended. */
  ended?(): void;
}

/** The tracker of a worker: it claims only messages whose type has a handler here, since another worker runs the others. */
export function trackerOfTypes(tracker: Tracker, isRegistered: (type: string) => boolean): Tracker {
  return {
    pause: tracker.pause,
    claim: (run) => (isRegistered(run.message.type) ? tracker.claim(run) : undefined),
    concluding: (run, disposition) => tracker.concluding(run, disposition),
    buried: (run) => tracker.buried(run),
    extended: (run) => tracker.extended(run),
    leaseLost: (run) => tracker.leaseLost(run),
    late: (run, disposition) => tracker.late(run, disposition),
  };
}
