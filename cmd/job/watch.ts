import { Argument } from "commander";
import { isFinal, type JobStatus } from "../../src/jobs/store/job-row.ts";
import type { JobSnapshot } from "../../src/jobs/job-snapshot.ts";
import type { Jobs } from "../../src/jobs/jobs.ts";
import type { JobsEvent } from "../../src/jobs/events/jobs-event.ts";
import { QueueError } from "../../src/errors.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { addHelp } from "../lib/help.ts";
import { addJsonOption } from "../lib/options.ts";
import { print, stdoutClosed } from "../lib/output.ts";
import { Interrupted } from "../lib/signals.ts";
import {
  addFilterOptions,
  type FilterFlags,
  filterOf,
  getJob,
  jobSubcommand,
  openJobsOf,
  selectsAll,
} from "./select.ts";
import { eventJson, eventText } from "./show-jobs.ts";

interface WatchFlags extends FilterFlags {
  readonly cursor?: string;
}

/** `queueport job watch`: the events of jobs as they happen. */
export function watchCommand(): ReturnType<typeof jobSubcommand> {
  const command = jobSubcommand(
    "watch",
    "Show the events of one job, or of all, as they happen",
    "Shows the events of jobs as they happen in any process, one line each. With an id, shows the state of that job first, and ends when the job is over. Changes that follow each other quickly may be one event.",
  ).addArgument(new Argument("[id]", "id of the job (default: all jobs that match, until Ctrl-C)"));
  addFilterOptions(command);
  addJsonOption(command, "one event per line").option(
    "--cursor <cursor>",
    "cursor of an event, to go on after it",
  );
  return addHelp(command, {
    examples: [
      "queueport job watch 01a21575-71c0-702f-bd55-97a156dbe221",
      "queueport job watch --type email",
    ],
    exitCodes: {
      0: "the job is completed; without an id: a signal ended the command",
      1: "the job failed, was cancelled or lost; or there is no such job, or the store failed",
    },
    hasSignals: true,
  }).action(runWatch);
}

async function runWatch(id: string | undefined, flags: WatchFlags): Promise<void> {
  if (id !== undefined && (!selectsAll(flags) || flags.cursor !== undefined)) {
    throw new QueueError(
      "config",
      "An id excludes filters and --cursor: pass an id, to watch one job, or filters.",
    );
  }
  await using opened = await openJobsOf(flags);
  const { jobs } = opened;
  const signal = AbortSignal.any([opened.signal, stdoutClosed]);
  const show = (event: JobsEvent): void => print(flags.json ? eventJson(event) : eventText(event));
  if (id === undefined) {
    for await (const event of jobs.events({ ...filterOf(flags), cursor: flags.cursor, signal })) show(event);
    return;
  }
  const status = await follow(jobs, id, signal, show);
  if (status === undefined) throw new Interrupted(`job ${id} is not over.`);
  if (status !== "completed") process.exitCode = exitCodes.failure;
}

/** Shows the events of one job until it is over. Undefined if the signal aborted before that. */
async function follow(
  jobs: Jobs,
  id: string,
  signal: AbortSignal,
  show: (event: JobsEvent) => void,
): Promise<JobStatus | undefined> {
  const stop = new AbortController();
  const events = jobs.events({ id, signal: AbortSignal.any([signal, stop.signal]) })[Symbol.asyncIterator]();
  // The first event is asked for before the state is read, so that no change is missed between the two.
  let next = events.next();
  try {
    const first = await getJob(jobs, id);
    show({ event: eventOf(first), job: first, cursor: "" });
    let { status, version } = first;
    while (!isFinal(status)) {
      const { value, done } = await next;
      if (done === true) return undefined;
      if (value.job.version > version) {
        ({ status, version } = value.job);
        show(value);
      }
      next = events.next();
    }
    return status;
  } finally {
    stop.abort();
    next.catch(() => undefined);
  }
}

/** The event that a state is shown as. */
function eventOf({ status }: JobSnapshot): JobsEvent["event"] {
  if (status === "processing") return "job.started";
  if (status === "retrying") return "job.failed";
  return status === "failed" ? "job.dead_lettered" : `job.${status}`;
}
