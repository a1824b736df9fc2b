import type { ClaimChange, EndChange, JobChange } from "../../../src/jobs/store/change.ts";
import { isFinal, type JobRow, type JobStatus } from "../../../src/jobs/store/job-row.ts";
import type { JobLedger } from "./job-ledger.ts";
import type { Grant, TrackedRecord } from "./tracked-job.ts";
import type { AppliedChange } from "./watched-store.ts";

/** A claim may be granted this much before its time, since clocks differ. */
const EARLY_MS = 1_000;

type From = JobStatus | "none";

/** The states into which each change may bring a job, besides the one that it has. */
const ALLOWED: Readonly<Record<JobChange["kind"], Readonly<Partial<Record<From, readonly JobStatus[]>>>>> = {
  insert: { none: ["queued"] },
  birth: { none: ["queued", "scheduled"] },
  claim: {
    none: ["processing"],
    scheduled: ["processing"],
    queued: ["processing"],
    retrying: ["processing"],
    processing: ["cancelled", "failed"],
    failed: ["processing"],
    lost: ["processing", "cancelled"],
  },
  touch: {},
  end: {
    none: ["completed", "retrying", "failed", "cancelled", "queued"],
    scheduled: ["completed", "retrying", "failed"],
    queued: ["completed", "retrying", "failed", "cancelled"],
    processing: ["completed", "retrying", "failed", "cancelled", "queued"],
    retrying: ["completed", "failed", "cancelled", "queued"],
    failed: ["completed", "retrying", "queued"],
    cancelled: ["completed"],
    lost: ["completed", "retrying", "failed", "cancelled", "queued"],
  },
  buried: {},
  dispatched: { scheduled: ["queued"] },
  undispatched: {},
  cancel: {
    none: ["cancelled"],
    scheduled: ["cancelled"],
    queued: ["cancelled"],
    retrying: ["cancelled"],
    processing: ["cancelled"],
  },
  reopen: { failed: ["queued"], cancelled: ["queued"], completed: ["queued"], lost: ["queued"] },
  promote: { scheduled: ["queued"] },
  assume: {
    queued: ["completed", "failed", "lost"],
    processing: ["completed", "failed", "lost"],
    retrying: ["completed", "failed", "lost"],
    lost: ["completed", "failed"],
  },
};

/** Checks what a store has made of a change, by rules that do not know how it does so. */
export function checkChange(
  ledger: JobLedger,
  process: string,
  record: TrackedRecord,
  applied: AppliedChange,
): void {
  const { change, before, after, answer } = applied;
  const { kind } = change;
  const row = after?.row;
  const from: From = before?.status ?? "none";
  const to = row?.status;
  const name = ledger.nameOf(change.id);
  if (to !== undefined && to !== from && ALLOWED[kind][from]?.includes(to) !== true)
    ledger.violate("states", `${kind} brings ${name} from ${from} to ${to}`);
  if (isHeldByAnother(before, change, ledger.now) && row?.hold?.token !== before?.hold?.token) {
    const isDone = change.kind === "end" && change.isUntracked && change.outcome === "completed";
    if (!isDone) ledger.violate("fence", `${kind} ends the hold of another run of ${name}`);
  }
  switch (change.kind) {
    case "claim":
      checkClaim(ledger, process, record, change, applied);
      break;
    case "end":
      checkEnd(ledger, record, change, applied);
      break;
    case "insert":
      if (answer.do === "noted" && !answer.ok && before === undefined)
        ledger.reached("retention: a late record of a deleted job is refused");
      if (before !== undefined && !before.isStoreBorn && !before.hasMessage) break;
      if (before?.status === "processing") ledger.reached("plain: the claim comes before the record");
      if (before !== undefined && isFinal(before.status))
        ledger.reached("plain: the claim comes while the job is over before its record");
      if (before?.status === "queued")
        ledger.reached("plain: the answer of the record is lost, and it is repeated");
      break;
    case "birth":
      if (answer.do !== "born") break;
      if (answer.outcome === "created" && before !== undefined)
        ledger.reached("recorded: the answer of the birth is lost, and it is repeated");
      if (answer.outcome === "existing")
        ledger.reached("recorded: the sender asks again, and gets the same job");
      if (answer.outcome === "conflict") ledger.reached("recorded: another message with the id is refused");
      break;
    case "dispatched":
      if (
        before?.dispatch !== undefined &&
        row?.dispatch === undefined &&
        !record.sent.has(before.generation)
      )
        ledger.violate(
          "undispatched",
          `${name} counts as sent, and its generation ${before.generation} was not`,
        );
      if (before?.dispatch === undefined && before?.status === "processing")
        ledger.reached("recorded: the claim comes before the confirmation");
      if (before?.status === "cancelled")
        ledger.reached("recorded: it is cancelled between its dispatch and the confirmation");
      break;
    case "cancel":
      if (before === undefined && row !== undefined) ledger.reached("cancel: of a job that is not known yet");
      break;
    case "promote":
      if (from === "scheduled" && to === "queued") ledger.reached("promote: a job is due earlier");
      break;
    case "reopen":
      if (to === "queued" && from !== to) {
        record.reopens += 1;
        record.isCompleted = record.isCancelled = false;
        for (const job of ledger.jobs.values()) if (job.id === record.id) job.dueAt = 0;
        ledger.reached("reopen: the job is sent again from its record");
      }
      break;
    case "assume":
      if (to === "failed" && from !== to && row?.isBuried === true)
        ledger.reached("dead letter: the broker dead-letters by itself, and the record follows");
      break;
    default:
  }
  if (to === "completed") record.isCompleted = true;
  if (to === "cancelled") record.isCancelled = true;
  if (ledger.isLate && row === before) ledger.reached("store: a call is applied after its repetition");
}

function isHeldByAnother(row: JobRow | undefined, change: JobChange, now: number): boolean {
  if (row?.status !== "processing" || row.hold === undefined || row.hold.until <= now) return false;
  return !("token" in change) || change.token !== row.hold.token;
}

function checkClaim(
  ledger: JobLedger,
  process: string,
  record: TrackedRecord,
  { token, redrive, wasDeadLetter, attemptsOfCopy, attemptsBefore }: ClaimChange,
  { before, after, answer }: AppliedChange,
): void {
  const name = ledger.nameOf(record.id);
  const { now } = ledger;
  if (answer.do === "foreign") {
    ledger.reached(
      answer.why === "id_conflict"
        ? "id: two queues use the same"
        : "id: two messages of a queue use the same",
    );
    return;
  }
  const isNewer = before !== undefined && redrive > before.generation;
  if (answer.do === "failed" && isNewer && before.status === "failed")
    ledger.violate("redrive", `${name} was redriven, and counts as failed all the same`);
  if (answer.do === "later" && answer.why === "busy")
    ledger.reached("run: a second delivery finds the job held");
  if (answer.do === "later" && answer.why === "backoff")
    ledger.reached("retry: a copy comes before its backoff is over");
  if (
    answer.do === "failed" &&
    before?.status === "failed" &&
    record.reopens > 0 &&
    redrive < (before.generation ?? 0)
  )
    ledger.reached("reopen: an old letter is redriven after it");
  if (answer.do !== "run") return;
  const known = record.grants.get(token);
  if (known?.ended !== undefined && ledger.isLate) {
    // The claim of a run that is over, and not the last one: nobody knows its answer, so it costs an attempt and lapses.
    record.wasted += 1;
    ledger.reached("store: a claim is applied after the end of its run");
    record.grants.delete(token);
  } else if (known !== undefined) {
    known.repeats += 1;
    ledger.reached("run: the answer of the claim is lost, and it is repeated");
    if (known.repeats > 1) ledger.reached("run: the answer of the claim is lost more than once");
    if (known.fence !== answer.fence) ledger.violate("fence", `a claim of ${name} gets two fences`);
    return;
  }
  if (record.isCompleted) ledger.violate("rerun", `${name} is completed, and its claim is granted`);
  if (record.isCancelled) ledger.violate("cancelled", `${name} is cancelled, and its claim is granted`);
  if (before?.status === "retrying" && (before.nextAt ?? 0) - now > EARLY_MS)
    ledger.violate(
      "backoff",
      `${name} is claimed ${(before.nextAt ?? 0) - now} ms before its backoff is over`,
    );
  if (before?.status === "scheduled" && (before.scheduledAt ?? 0) - now > EARLY_MS)
    ledger.violate("due", `${name} is claimed ${(before.scheduledAt ?? 0) - now} ms before it is due`);
  const last = [...record.grants.values()].at(-1);
  if (last !== undefined && answer.fence <= last.fence)
    ledger.violate("fence", `${name} is claimed with the fence ${answer.fence}, after ${last.fence}`);
  const { generation, attempt, fence } = answer;
  // Without a record, the count of the broker holds, which knows no reasons.
  if (before === undefined) record.wasted += attemptsBefore;
  // A copy that only stepped aside has it too.
  else if (!wasDeadLetter) record.wasted += Math.max(0, attemptsOfCopy - (isNewer ? 0 : before.runs));
  if (before?.status === "processing") {
    add(record.lapses, generation);
    ledger.reached("run: a lapsed claim is taken over");
    if (last?.run?.result === "running") ledger.reached("run: a process stood still past its claim");
  }
  if (before?.status === "failed") {
    ledger.reached(
      wasDeadLetter && !isNewer
        ? "redrive: a letter is moved back as it was"
        : "redrive: the next generation is claimed",
    );
  }
  const most =
    (after?.row.maxAttempts ?? 0) + (record.lapses.get(generation) ?? 0) + record.untracked + record.wasted;
  if (attempt > most)
    ledger.violate("attempts", `${name} runs as attempt ${attempt}; at most ${most} are explained`);
  const grant: Grant = {
    token,
    fence,
    process,
    generation,
    attempt,
    run: undefined,
    ended: undefined,
    repeats: 0,
  };
  record.grants.set(token, grant);
}

function checkEnd(
  ledger: JobLedger,
  record: TrackedRecord,
  change: EndChange,
  { before, after, answer }: AppliedChange,
): void {
  const name = ledger.nameOf(record.id);
  const { token, outcome, generation, isUntracked } = change;
  const grant = record.grants.get(token ?? "");
  const row = after?.row;
  const verdict = answer.do === "ended" ? answer.verdict : undefined;
  const isChanged = row !== undefined && row.version !== before?.version;
  if (verdict === "fenced") ledger.reached("run: the end of a run that was taken over is refused");
  if (before !== undefined && generation < before.generation && before.hold?.token !== token) {
    ledger.reached("store: an end of the journal finds a newer generation");
    const isDone = isUntracked && outcome === "completed" && generation === before.redrives;
    if (isChanged && !isDone)
      ledger.violate(
        "generation",
        `an end of generation ${generation} changes generation ${before.generation} of ${name}`,
      );
  }
  if (isUntracked && isChanged) ledger.reached("store: an end is recorded after the outage");
  // The claim of the process before has lapsed, and its run was an attempt. The run after it could not claim the job.
  if (isUntracked && isChanged && before?.status === "processing" && before.hold?.token !== token)
    add(record.lapses, before.generation);
  if (isChanged && row.status === "completed" && grant?.run?.result !== "ok" && !isUntracked)
    ledger.violate("status", `${name} is recorded as completed, and no run of this claim has returned`);
  if (grant === undefined) return;
  if (grant.ended !== undefined) ledger.reached("run: the end is written twice");
  const isFirst = grant.ended === undefined && isChanged;
  grant.ended ??= outcome;
  if (!isFirst) return;
  if (outcome === "retrying" || (outcome === "failed" && change.deadLetterReason === "max_attempts")) {
    // A run without a claim is counted as such, also if its claim is applied late.
    if (grant.run !== undefined) add(record.failures, row.generation);
    const failures = record.failures.get(row.generation) ?? 0;
    const max = row.maxAttempts;
    if (failures > max)
      ledger.violate("attempts", `${name} has failed ${failures} times; ${max} are allowed`);
    const explained = failures + (record.lapses.get(row.generation) ?? 0) + record.untracked + record.wasted;
    if (outcome === "failed" && explained < max)
      ledger.violate("exhausted", `${name} ran out of its ${max} attempts after ${failures} failed runs`);
  }
  if (before?.cancelRequestedAt !== undefined) {
    if (row.status === "cancelled") ledger.reached("cancel: the handler is asked to end, and throws");
    if (row.status === "completed") ledger.reached("cancel: the handler is asked to end, and returns");
  }
  if (outcome === "released" && grant.run?.result === "running")
    ledger.reached("run: a drain gives up a handler that does not end");
}

function add(counts: Map<number, number>, generation: number): void {
  counts.set(generation, (counts.get(generation) ?? 0) + 1);
}
