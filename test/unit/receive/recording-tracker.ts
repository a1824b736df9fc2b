import type { Disposition } from "../../../src/queue/disposition.ts";
import type { Conclusion, RunClaim, TrackedRun, Tracker } from "../../../src/queue/tracker.ts";

type Answer<T> = T | Promise<T> | undefined;

/** A tracker that notes its calls, and answers as a test says. By default it claims every message as its first attempt. */
export class RecordingTracker implements Tracker {
  readonly calls: string[] = [];
  readonly runs: TrackedRun[] = [];
  onClaim: (run: TrackedRun) => Answer<RunClaim> = () => ({ run: true, attempt: 1 });
  onConcluding: (run: TrackedRun, disposition: Disposition) => Answer<Conclusion> = () => undefined;

  /** Makes claims wait. The returned function answers the one that has waited longest. */
  holdClaims(): (claim: RunClaim) => void {
    const waiting: ((claim: RunClaim) => void)[] = [];
    this.onClaim = () => new Promise((resolve) => waiting.push(resolve));
    return (claim) => waiting.shift()?.(claim);
  }

  /** Makes conclusions wait. The returned function answers the one that has waited longest. */
  holdConclusions(): (conclusion: Conclusion) => void {
    const waiting: ((conclusion: Conclusion) => void)[] = [];
    this.onConcluding = () => new Promise((resolve) => waiting.push(resolve));
    return (conclusion) => waiting.shift()?.(conclusion);
  }

  claim(run: TrackedRun): Answer<RunClaim> {
    this.calls.push(`claim ${run.message.id}`);
    this.runs.push(run);
    return this.onClaim(run);
  }

  concluding(run: TrackedRun, disposition: Disposition): Answer<Conclusion> {
    this.calls.push(`concluding ${run.message.id} ${nameOf(disposition)}`);
    return this.onConcluding(run, disposition);
  }

  buried(run: TrackedRun): void {
    this.calls.push(`buried ${run.message.id}`);
  }

  extended(run: TrackedRun): void {
    this.calls.push(`extended ${run.message.id}`);
  }

  leaseLost(run: TrackedRun): void {
    this.calls.push(`leaseLost ${run.message.id}`);
  }

  late(run: TrackedRun, disposition: Disposition): void {
    this.calls.push(`late ${run.message.id} ${nameOf(disposition)}`);
  }
}

function nameOf(disposition: Disposition): string {
  return disposition.kind === "dead_letter" ? `dead_letter ${disposition.reason}` : disposition.kind;
}
