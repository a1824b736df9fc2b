import type { JobsEvent } from "../../src/jobs/events/jobs-event.ts";
import { recordOf } from "../../src/jobs/job-record.ts";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { JobPage } from "../../src/jobs/read/list.ts";
import type { JobLogLine, JobStatus } from "../../src/jobs/store/job-row.ts";
import { ageText, counted, timeText } from "../lib/format.ts";
import { durationText } from "../lib/options.ts";
import { colorsFor } from "../lib/output.ts";
import { cut, formatTable, roomBeside } from "../lib/table.ts";
import { safeLine, safeText } from "../lib/terminal.ts";

/** A page of jobs as `--json` prints it: the answer of the REST API to the same query. */
export function pageJson({ jobs, total, isTotalCapped, isPartial, nextCursor }: JobPage): string {
  return JSON.stringify({
    jobs: jobs.map((job) => recordOf(job)),
    total,
    ...(isTotalCapped && { total_is_capped: true }),
    ...(isPartial && { is_partial: true }),
    ...(nextCursor !== undefined && { next_cursor: nextCursor }),
  });
}

/** The line after a page of jobs, for people; undefined if there is nothing to say. */
export function pageLine({ jobs, total, isTotalCapped, isPartial, nextCursor }: JobPage): string | undefined {
  if (nextCursor === undefined) return jobs.length === 0 ? "No job matches." : undefined;
  const next = `the next: --cursor ${nextCursor}`;
  if (!isPartial) return `${jobs.length} of ${isTotalCapped ? "more than " : ""}${total}; ${next}`;
  const found = jobs.length === 0 ? "No job matches so far" : `${jobs.length} so far`;
  return `${found}, and not all jobs were looked at; ${next}`;
}

/** A job with everything that was read of it, as `--json` prints it. */
export function jobJson(job: JobSnapshot): string {
  return JSON.stringify(recordOf(job, { attempts: true }));
}

/** Jobs for people: a table that fits the terminal. A long type is cut, so that an id stays in one piece. */
export function jobsTable(jobs: readonly JobSnapshot[], now: Date): string {
  const head = ["id", "type", "status", "run", "age"];
  const rows = jobs.map((job) => ({
    id: safeLine(job.id),
    type: safeLine(job.type),
    status: statusText(job),
    run: `${job.attempt}/${job.maxAttempts}`,
    age: ageText(job.createdAt, now),
  }));
  const room = roomBeside([
    ["id", "status", "run", "age"],
    ...rows.map(({ id, status, run, age }) => [id, status, run, age]),
  ]);
  return formatTable(
    head,
    rows.map(({ id, type, status, run, age }, row) => [
      id,
      cut(type, room),
      colored(status, (jobs[row] as JobSnapshot).status),
      run,
      age,
    ]),
  );
}

/** Everything about one job, for people. */
export function jobText(job: JobSnapshot): string {
  const { bold, red } = colorsFor(process.stdout);
  const { error, deadLetterReason, cancelRequestedAt, cancelReason } = job;
  const lines: [string, string | undefined][] = [
    ["id", safeLine(job.id)],
    ["type", safeLine(job.type)],
    ["status", colored(statusText(job), job.status)],
    ["message", job.progressMessage && safeLine(job.progressMessage)],
    ["queue", safeLine(job.queue)],
    ["priority", job.priority],
    ["run", `${job.attempt} of at most ${job.maxAttempts}`],
    ["worker", job.workerId && safeLine(job.workerId)],
    ["error", error && red(errorText(error))],
    ["at", error?.frame && safeLine(error.frame)],
    ["group", error?.fingerprint && safeLine(error.fingerprint)],
    ["dead letter", deadLetterReason && safeLine(deadLetterReason)],
    ["cancelled", cancelRequestedAt && reasonText(timeText(cancelRequestedAt), cancelReason)],
    ["created", timeText(job.createdAt)],
    ["scheduled", job.scheduledAt && timeText(job.scheduledAt)],
    ["started", job.startedAt && timeText(job.startedAt)],
    ["next run", job.nextAttemptAt && timeText(job.nextAttemptAt)],
    ["finished", job.finishedAt && timeText(job.finishedAt)],
    ["waited", spanText(job.waitMs)],
    ["ran", spanText(job.durationMs)],
    ["tenant", job.tenant && safeLine(job.tenant)],
    ["tags", job.tags.length === 0 ? undefined : safeLine(job.tags.join(", "))],
    ["trace", job.traceId && safeLine(job.traceId)],
    [
      "result",
      job.resultOmitted && `not kept: ${job.resultOmitted === "too_large" ? "too large" : "not JSON"}`,
    ],
  ];
  const head = lines.flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${bold(name.padEnd(11))}  ${value}`],
  );
  const failed = job.attempts.map(
    (one) =>
      `  run ${one.attempt} by ${safeLine(one.workerId)}, ${timeText(new Date(one.startedAt))}, ${spanText(one.durationMs)}: ${red(errorText(one.error))}`,
  );
  return [
    ...head,
    ...(failed.length > 0 ? [bold("failed runs"), ...failed] : []),
    ...part(
      job.payloadEncoding === undefined
        ? bold("payload")
        : `${bold("payload")}, encoded as ${safeLine(job.payloadEncoding)}`,
      job.payload,
    ),
    ...part(bold("result"), job.result),
    ...((job.logs?.length ?? 0) > 0 ? [bold("log"), logText(job.logs ?? [])] : []),
  ].join("\n");
}

/** The lines that a job has logged, for people. */
export function logText(logs: readonly JobLogLine[]): string {
  const { red, yellow, dim } = colorsFor(process.stdout);
  const levels = { debug: dim, info: (text: string) => text, warn: yellow, error: red };
  return logs
    .map(({ at, level, message, fields }) => {
      const rest = fields === undefined ? "" : ` ${dim(safeLine(JSON.stringify(fields)))}`;
      return `${timeText(new Date(at))} ${levels[level](level.padEnd(5))} ${safeLine(message)}${rest}`;
    })
    .join("\n");
}

/** One event, on one line. */
export function eventText({ event, job, willRetry }: JobsEvent): string {
  const { bold } = colorsFor(process.stdout);
  const { progress, progressMessage, error, workerId } = job;
  const facts = [
    job.attempt > 0 ? `run ${job.attempt}` : "",
    progress === undefined || event !== "job.progress" ? "" : `${progress} %`,
    progressMessage === undefined || event !== "job.progress" ? "" : safeLine(progressMessage),
    workerId === undefined || event !== "job.started" ? "" : `by ${safeLine(workerId)}`,
    job.durationMs === undefined || event !== "job.completed" ? "" : `in ${spanText(job.durationMs)}`,
    willRetry === true ? "will be retried" : "",
    error === undefined || !["job.failed", "job.dead_lettered"].includes(event) ? "" : errorText(error),
  ];
  const text = facts.filter((fact) => fact !== "").join(", ");
  const what = colored(event.slice("job.".length), job.status);
  return `${timeText(job.updatedAt)} ${bold(safeLine(job.id))} ${safeLine(job.type)} ${what}${text === "" ? "" : `: ${text}`}`;
}

/** One event as `--json` prints it, on a line of its own. */
export function eventJson({ event, job, willRetry, cursor }: JobsEvent): string {
  return JSON.stringify({
    event,
    ...(willRetry !== undefined && { will_retry: willRetry }),
    ...(cursor !== "" && { cursor }),
    job: recordOf(job),
  });
}

/** The state of a job in a few words. */
export function statusText({
  status,
  progress,
  isStalled,
  isOverdue,
  cancelRequestedAt,
}: JobSnapshot): string {
  if (isStalled) return "stalled";
  if (isOverdue) return "overdue";
  if (status !== "processing") return status;
  if (cancelRequestedAt !== undefined) return "cancelling";
  return progress === undefined ? status : `${status} ${progress} %`;
}

function colored(text: string, status: JobStatus): string {
  const { green, red, yellow, cyan } = colorsFor(process.stdout);
  if (status === "completed") return green(text);
  if (status === "failed" || status === "lost") return red(text);
  if (status === "retrying" || text === "stalled" || text === "overdue") return yellow(text);
  return status === "processing" ? cyan(text) : text;
}

function errorText({
  code,
  message,
}: {
  readonly code?: string | undefined;
  readonly message: string;
}): string {
  return safeLine(code === undefined ? message : `${message} (${code})`);
}

function reasonText(time: string, reason: string | undefined): string {
  return reason === undefined ? time : `${time}: ${safeLine(reason)}`;
}

function spanText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : durationText(Math.round(ms));
}

function part(title: string, value: unknown): string[] {
  return value === undefined ? [] : [title, safeText(JSON.stringify(value, null, 2))];
}

/** `3 jobs`. */
export function jobsCounted(count: number): string {
  return counted(count, "job");
}
