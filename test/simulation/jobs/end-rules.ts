import { isFinal, type JobRow } from "../../../src/jobs/store/job-row.ts";
import type { JobLedger } from "./job-ledger.ts";
import type { TrackedJob, TrackedRecord } from "./tracked-job.ts";

/** The jobs whose record is not final, for the text of a violation. */
export function unfinishedOf(ledger: JobLedger): string[] {
  return [...ledger.rows.values()]
    .filter((row) => !isFinal(row.status) || row.dispatch !== undefined)
    .map(
      ({ id, status, dispatch }) =>
        `${ledger.nameOf(id)} (${status}${dispatch === undefined ? "" : ", to be sent"})`,
    );
}

/** Checks the rules that hold at the end. Called when nothing is left to happen. */
export function checkEnd(ledger: JobLedger): void {
  for (const job of ledger.jobs.values()) {
    const { key } = job.planned;
    if (job.sent === "pending") ledger.violate("answered", `${key}: its sender got no answer`);
    if (job.sent === "refused" && job.starts > 0)
      ledger.violate("honest", `${key} was reported as not sent, and ran`);
    if (job.isShared) {
      if (job.isAbsorbed) continue;
      if (
        job.sent === "accepted" &&
        job.oks === 0 &&
        job.buried === 0 &&
        job.letters.size === 0 &&
        ledger.recordOf(job).cancels === 0
      )
        ledger.violate("lost", `${key} was accepted, and is neither done nor dead-lettered`);
      continue;
    }
    const row = ledger.rowOf(job);
    // A job that ran while the store was down, whose process has died since, leaves no record.
    const isUnrecorded = job.oks + job.buried > 0 && ledger.recordOf(job).isUnrecorded;
    if (job.sent === "accepted" && row === undefined && !isUnrecorded)
      ledger.violate("lost", `${key} was accepted, and has no record`);
    if (row !== undefined) checkRecord(ledger, job, row, ledger.recordOf(job));
  }
  const known = new Set([...ledger.jobs.values()].map(({ id }) => id));
  for (const { id, status } of ledger.rows.values())
    if (!known.has(id)) ledger.violate("phantom", `${id} is ${status}, and nobody has sent it`);
  const shared = [...ledger.records].filter(({ id, grants }) => id === "shared" && grants.size > 0);
  if (new Set(shared.map(({ namespace }) => namespace)).size > 1)
    ledger.reached("id: two deployments use the same");
}

function checkRecord(ledger: JobLedger, job: TrackedJob, row: JobRow, record: TrackedRecord): void {
  const { key } = job.planned;
  const { status, dispatch, deadLetterReason } = row;
  const name = `${key} (${deadLetterReason ?? "-"}, generation ${row.generation})`;
  if (dispatch !== undefined) ledger.violate("lost", `${name} is ${status}, and was never sent`);
  switch (status) {
    case "completed":
      if (job.oks === 0) ledger.violate("status", `${name} is completed, and was never handled`);
      return;
    case "failed":
      // Its completion was kept by a process that has died, and its dead letter was moved back meanwhile.
      if (record.isUnrecorded && job.oks > 0) return;
      if (job.letters.size === 0) ledger.violate("lost", `${name} failed, and has no dead letter`);
      return;
    case "cancelled":
      if (record.cancels === 0) ledger.violate("status", `${name} is cancelled, and nobody has asked for it`);
      return;
    case "lost":
      // That of an earlier generation says nothing about this one.
      if (job.letterGeneration >= row.generation)
        ledger.violate("status", `${name} is lost, and has a dead letter`);
      if (!record.isUnrecorded)
        ledger.violate("status", `${name} is lost, and no process has died with its end`);
      return;
    default:
      ledger.violate("status", `${name} is ${status} in the end`);
  }
}
