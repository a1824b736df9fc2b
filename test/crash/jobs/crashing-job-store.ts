import type { ClaimChange, EndChange, JobAnswer, JobChange } from "../../../src/jobs/store/change.ts";
import type { JobStore } from "../../../src/jobs/index.ts";
import { faultyJobStore } from "../../../src/jobs/testing/index.ts";
import { seeded } from "../../support/seeded.ts";
import type { JobLog } from "./job-log.ts";
import type { JobCrashPoint } from "./points.ts";
import type { JobCrashTrigger } from "./trigger.ts";

/** The parts of a process that {@link crashingJobStore} uses. */
export interface CrashingJobStoreParts {
  readonly trigger: JobCrashTrigger;
  readonly log: JobLog;
  readonly lostAnswers: number;
  readonly seed: number;
}

/**
 * A job store in a process that dies between two changes. It logs the ends that are recorded, before anybody else knows of
 * them, and loses some of its answers.
 */
export function crashingJobStore(inner: JobStore, parts: CrashingJobStoreParts): JobStore {
  const { trigger, log, lostAnswers, seed } = parts;
  const fences = new Map<string, number>();
  const random = seeded(seed + 7);
  // An object of its own, whose methods can be replaced.
  const plain = faultyJobStore(inner, { before: () => undefined });
  const recording: JobStore = {
    ...plain,
    async apply(namespace, changes) {
      if (changes.some(({ kind }) => kind === "claim")) trigger.pass("received");
      const answers = await inner.apply(namespace, changes);
      const points = new Set<JobCrashPoint>();
      for (const [index, change] of changes.entries()) {
        const point = noted(change, answers[index] as JobAnswer, fences, log);
        if (point !== undefined) points.add(point);
      }
      for (const point of points) trigger.pass(point);
      return answers;
    },
    async takeDue(namespace, options) {
      const due = await inner.takeDue(namespace, options);
      if (due.length > 0) trigger.pass("dispatch_taken");
      return due;
    },
  };
  return faultyJobStore(recording, {
    before: ({ method }) => {
      if (method !== "apply" || random() >= lostAnswers) return undefined;
      log.write({ kind: "answer_lost" });
      return "lose";
    },
  });
}

/** Logs what the answer says. Returns the point that the process has reached by it. */
function noted(
  change: JobChange,
  answer: JobAnswer,
  fences: Map<string, number>,
  log: JobLog,
): JobCrashPoint | undefined {
  switch (change.kind) {
    case "insert":
      return "plain_recorded";
    case "birth":
      return answer.do === "born" && answer.outcome === "created" ? "born" : undefined;
    case "dispatched":
      return "dispatch_confirmed";
    case "claim":
      return claimed(change, answer, fences);
    case "end":
      return ended(change, answer, fences, log);
    case "buried":
      return "buried";
    case "cancel":
      return "cancelled";
    case "reopen":
      return "reopened";
    default:
      return undefined;
  }
}

function claimed(
  { token }: ClaimChange,
  answer: JobAnswer,
  fences: Map<string, number>,
): JobCrashPoint | undefined {
  if (answer.do !== "run") return undefined;
  fences.set(token, answer.fence);
  return "claimed";
}

function ended(
  { token, id }: EndChange,
  answer: JobAnswer,
  fences: Map<string, number>,
  log: JobLog,
): JobCrashPoint | undefined {
  if (answer.do !== "ended") return undefined;
  const { verdict, status } = answer;
  if (verdict === "fenced") log.write({ kind: "refused", id, process: process.pid });
  if (verdict === "overruled") log.write({ kind: "overruled", id, process: process.pid });
  if (verdict !== "recorded" || status === undefined) return undefined;
  const fence = token === undefined ? undefined : fences.get(token);
  log.write({ kind: "ended", id, status, fence, process: process.pid });
  return "end_recorded";
}
