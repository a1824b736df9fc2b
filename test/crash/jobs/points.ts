/** The processes of a campaign with recorded jobs. */
export type JobRole = "sender" | "worker" | "operator" | "holder";

/** The points at which a process is killed, by its role. */
export const jobCrashPoints: Readonly<Record<JobRole, readonly JobCrashPoint[]>> = {
  sender: [
    /** The broker has accepted a plain job, and it is not recorded yet. */
    "plain_accepted",
    /** A plain job is recorded, and its sender does not know it. */
    "plain_recorded",
    /** A job is recorded, and its message is not sent. */
    "born",
    /** The message of a recorded job was sent, and this is not confirmed. */
    "dispatch_sent",
    /** The dispatch is confirmed, and its sender does not know it. */
    "dispatch_confirmed",
  ],
  worker: [
    /** Messages were received, and are not claimed. */
    "received",
    /** A run was claimed, and its handler was not called. */
    "claimed",
    "mid_handler",
    /** The end of a run is recorded, and its message is not settled. */
    "end_recorded",
    /** The copy that retries a job was accepted, and the original is not acknowledged yet. */
    "retry_copied",
    /** A dead letter was written, and this is not recorded. */
    "dead_letter_copied",
    /** It is recorded that the dead letter is there, and the original is not acknowledged yet. */
    "buried",
    "acknowledged",
    /** Jobs that are due were taken, and are not sent. */
    "dispatch_taken",
    /** The worker was asked to stop while a handler never ends, and has given its message back. */
    "drained",
  ],
  operator: [
    /** A job is cancelled, and the caller does not know it. */
    "cancelled",
    /** A failed job was reopened, and its message is not sent. */
    "reopened",
    /** The copy of a redriven dead letter was accepted, and the dead letter is still there. */
    "redriven",
    /** Another tool has moved a dead letter as it was, and the original is still there. */
    "moved",
    /** Jobs were archived, and are not deleted. */
    "archived",
  ],
  /** A worker whose handlers run until the campaign lets them end. It is frozen instead. */
  holder: [],
};

/** `anywhere`: the process is killed from outside, whatever it does. */
export type JobCrashPoint =
  | "plain_accepted"
  | "plain_recorded"
  | "born"
  | "dispatch_sent"
  | "dispatch_confirmed"
  | "received"
  | "claimed"
  | "mid_handler"
  | "end_recorded"
  | "retry_copied"
  | "dead_letter_copied"
  | "buried"
  | "acknowledged"
  | "dispatch_taken"
  | "drained"
  | "cancelled"
  | "reopened"
  | "redriven"
  | "moved"
  | "archived"
  | "anywhere";

/** Probability that the process dies each time it passes a point. Rarely passed points have a higher one. */
export const JOB_CRASH_CHANCES: Readonly<Record<JobCrashPoint, number>> = {
  plain_accepted: 1 / 10,
  plain_recorded: 1 / 10,
  born: 1 / 5,
  dispatch_sent: 1 / 5,
  dispatch_confirmed: 1 / 5,
  received: 1 / 20,
  claimed: 1 / 20,
  mid_handler: 1 / 25,
  end_recorded: 1 / 20,
  retry_copied: 1 / 5,
  dead_letter_copied: 1 / 4,
  buried: 1 / 4,
  acknowledged: 1 / 20,
  dispatch_taken: 1 / 3,
  drained: 1,
  cancelled: 1 / 3,
  reopened: 1 / 3,
  redriven: 1 / 3,
  moved: 1 / 3,
  archived: 1 / 2,
  anywhere: 0,
};
