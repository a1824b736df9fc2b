import type { Tracker } from "../queue/tracker.ts";

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
