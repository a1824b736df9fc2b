import type { JobStatus } from "../../../src/jobs/index.ts";
import type { JobLogEvent } from "./job-log.ts";
import { allJobs } from "./records.ts";
import type { Stage } from "./stage.ts";

/** The four promises, and the jobs that break them: one sentence each. */
export interface Oracles {
  /** Lost: a job that was sent is not over, or its message is left. */
  readonly L: readonly string[];
  /** Phantom: a record, or a run, of a job that was not sent here. */
  readonly P: readonly string[];
  /** Rerun: a run began after a completion was recorded. */
  readonly R: readonly string[];
  /** Status: a record says something else than what happened. */
  readonly S: readonly string[];
}

/** No promise is broken. */
export const ALL_KEPT: Oracles = { L: [], P: [], R: [], S: [] };

/** Looks at a stage whose jobs should be over, and prints what it finds. `expected` has the final state of each job by its id. */
export async function oraclesOf(
  scene: string,
  stage: Stage,
  expected: ReadonlyMap<string, JobStatus>,
): Promise<Oracles> {
  const [records, all, left] = await Promise.all([allJobs(stage.jobs), stage.log(), stage.left()]);
  // Another stage may write into this log as well.
  const log = all.filter((event) => !("process" in event) || stage.has(event.process));
  const deadLetters = await stage.queue.deadLetters(stage.name).list();
  const byId = new Map(records.map((record) => [record.id, record]));
  const handled = new Set(log.flatMap((event) => (event.kind === "handled" ? [event.id] : [])));
  const oracles = {
    L: [
      ...[...expected.keys()].flatMap((id) => lostBy(id, byId.get(id)?.status, handled)),
      ...(left === 0 ? [] : [`${left} messages are left in the queue`]),
    ],
    P: records.flatMap(({ id }) => (expected.has(id) ? [] : [`${id} is recorded, and was not sent`])),
    R: rerunsIn(log),
    S: [
      ...[...expected].flatMap(([id, status]) => {
        const { status: is } = byId.get(id) ?? {};
        return is === undefined || is === status ? [] : [`${id} is ${is}, not ${status}`];
      }),
      ...deadLetters.flatMap(({ id }) => (expected.get(id) === "failed" ? [] : [`${id} has a dead letter`])),
    ],
  };
  const counts = Object.entries(oracles).map(([name, broken]) => `${name} ${broken.length}`);
  console.log(`${scene}: ${expected.size} jobs, ${counts.join(", ")}`);
  return oracles;
}

function lostBy(id: string, status: JobStatus | undefined, handled: ReadonlySet<string>): string[] {
  if (status === undefined) return [`${id} has no record`];
  if (status === "completed") return handled.has(id) ? [] : [`${id} is completed, and was never handled`];
  return status === "failed" || status === "cancelled" ? [] : [`${id} is ${status}`];
}

/** The runs that began after a completion of their job. Events of one file are in the order in which they happened. */
export function rerunsIn(log: readonly JobLogEvent[]): string[] {
  const completed = new Map<string, number>();
  return log.flatMap((event) => {
    if (event.kind === "ended" && event.status === "completed") completed.set(event.id, event.process);
    const by = event.kind === "began" ? completed.get(event.id) : undefined;
    if (event.kind !== "began" || by === undefined) return [];
    return [`${event.id} was completed by process ${by}, and process ${event.process} began it again`];
  });
}
