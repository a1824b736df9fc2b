import { expectEqual, expectSame, expectThat } from "../../../conformance/kit/expect.ts";
import type { JobRow } from "../../store/job-row.ts";
import type { JobStore, PageRequest, PrunePolicy, StoredJobFilter } from "../../store/job-store.ts";
import { readChanges } from "../cases/change-feed.ts";
import { expectMembers, expectSameJson } from "./compare.ts";
import type { Random } from "./random.ts";
import { ALL_PARTS } from "./store-context.ts";
import { hasData, type StoreModel } from "./store-model.ts";

/** One comparison of a store with its model. */
export interface Compared {
  readonly store: JobStore;
  readonly namespace: string;
  readonly model: StoreModel;
  readonly random: Random;
  readonly now: number;
  readonly ids: readonly string[];
}

const HOUR = 3_600_000;

/** Compares all jobs with all of their parts. */
export async function compareJobs({ store, namespace, model, ids }: Compared): Promise<void> {
  const found = await store.get(namespace, ids, ALL_PARTS);
  for (const [index, id] of ids.entries()) expectSameJson(`job ${id}`, found[index], model.jobs.get(id));
}

/** Compares one page of a random list. */
export async function compareList({ store, namespace, model, random, now }: Compared): Promise<void> {
  const filter = randomFilter(random, now);
  const order = random.pick(["newest", "oldest"] as const);
  const sign = order === "oldest" ? 1 : -1;
  const rows = model
    .rows()
    .filter((row) => isMet(row, filter, now))
    .toSorted((one, other) => sign * compareRows(one, other));
  const after = random.chance(0.5) ? random.pick([...model.rows(), undefined]) : undefined;
  const offset = random.pick([undefined, 0, 2]);
  const page: PageRequest = {
    order,
    limit: random.pick([1, 3, 100]),
    offset,
    after,
    maxTotal: random.pick([undefined, 4]),
  };
  const rest = rows
    .filter((row) => after === undefined || sign * compareRows(row, after) > 0)
    .slice(offset ?? 0);
  const found = await store.list(namespace, filter, page);
  const subject = `the list of ${JSON.stringify({ filter, ...page, after: after?.id })}`;
  expectSameJson(`${subject}: rows`, found.rows, rest.slice(0, page.limit));
  const maxTotal = page.maxTotal ?? 10_000;
  expectMembers(subject, found, {
    total: Math.min(rows.length, maxTotal),
    isTotalCapped: rows.length > maxTotal,
    hasMore: rest.length > page.limit,
  });
}

/** Compares the counts of unfinished jobs and of ends. */
export async function compareCounts({ store, namespace, model, random, now }: Compared): Promise<void> {
  const counts = await store.counts(namespace);
  expectSame(
    "the counts",
    counts.map(({ queue, type, status, count }) => `${queue}/${type}/${status} ${count}`),
    [...model.counts()].map(([key, count]) => `${key} ${count}`),
  );
  const since = now - random.below(20 * HOUR);
  const minutes = await store.minutes(namespace, since);
  expectSame(
    "the minutes",
    minutes.map(
      (one) => `${[one.minute, one.queue, one.type, one.status].join("/")} ${one.count} ${one.durationMs}`,
    ),
    [...model.minutes(since)].map(([key, { count, durationMs }]) => `${key} ${count} ${durationMs}`),
  );
}

/** Takes due jobs, and compares them. Jobs that are due at the same time may come in any order. */
export async function compareDue({ store, namespace, model, random, now }: Compared): Promise<void> {
  const queues = random.pick([undefined, undefined, ["emails"], ["invoices", "others"], []]);
  const pending = model.dispatches(queues);
  expectEqual("the next time", await store.nextDueAt(namespace, queues), pending[0]?.at);
  const [limit, takenMs] = [random.pick([1, 2, 100]), random.pick([1_000, 35_000])];
  const except = random.pick([[], [], ["invoices"]]);
  const due = model.due(queues, except, now);
  const atOf = new Map(due.map(({ id, at }) => [id, at]));
  const jobs = await store.takeDue(namespace, { queues, except, limit, takenMs });
  expectEqual(
    "the times of the due jobs",
    jobs.map(({ row }) => atOf.get(row.id)),
    due.slice(0, limit).map(({ at }) => at),
  );
  for (const { row, message } of jobs) {
    expectSameJson(`the due job ${row.id}`, row, model.take(row.id, now, takenMs));
    expectSameJson(`the message of ${row.id}`, message, model.jobs.get(row.id)?.message);
  }
}

/** One reader of the changes, with the place up to which it has read. */
export interface Reader {
  cursor: string;
  seq: number;
}

/** Reads the changes since the last time, and compares them. */
export async function compareChanges(
  { store, namespace, model, random }: Compared,
  reader: Reader,
): Promise<void> {
  const { rows, cursor } = await readChanges(store, namespace, reader.cursor, random.pick([1, 3, 100]));
  const expected = model.changedSince(reader.seq);
  expectEqual(
    "the changes",
    rows.map(({ id }) => id),
    expected,
  );
  for (const row of rows) expectSameJson(`the change of ${row.id}`, row, model.row(row.id));
  reader.cursor = cursor;
  reader.seq = model.seq;
}

/** Prunes by a random policy, and compares what is left. Jobs that ended at the same time may go in any order. */
export async function comparePrune(compared: Compared): Promise<void> {
  const { store, namespace, model, random, now, ids } = compared;
  const policy: PrunePolicy = {
    completedMs: random.pick([0, 2 * HOUR, 50 * HOUR]),
    failedMs: random.pick([2 * HOUR, 50 * HOUR]),
    cancelledMs: random.pick([HOUR, 50 * HOUR]),
    dataMs: random.pick([HOUR / 2, 50 * HOUR]),
    maxFinished: random.pick([0, 2, 1_000]),
  };
  const { must, may, least, most } = model.prunable(policy, now);
  const listed = await store.prunable(namespace, policy, 1_000);
  for (const job of listed) expectSameJson(`the job ${job.row.id} to prune`, job, model.jobs.get(job.row.id));
  const listedIds = listed.map(({ row }) => row.id);
  const count = new Set(listedIds).size;
  expectThat("the number of jobs to prune", count >= least && count <= most, count, `${least} to ${most}`);
  expectEqual(
    "jobs that are kept for too long",
    [...must].filter((id) => !listedIds.includes(id)),
    [],
  );
  expectEqual(
    "jobs that are not kept",
    listedIds.filter((id) => !may.has(id)),
    [],
  );
  const times = listed.map(({ row }) => row.finishedAt ?? 0);
  expectEqual(
    "the order of the jobs to prune",
    times,
    times.toSorted((one, other) => one - other),
  );
  const allowed = random.chance(0.4) ? random.some(ids, 6) : undefined;
  const doomed = listedIds.filter((id) => allowed?.includes(id) ?? true);
  const limit = random.pick([1, 3, 1_000]);
  const strippable = model.strippable(policy, now);
  const outcome = await store.prune(namespace, policy, limit, allowed);
  expectEqual("the number of deleted jobs", outcome.deleted, Math.min(limit, doomed.length));
  const after = await store.get(namespace, ids, ALL_PARTS);
  const gone = ids.filter((id, index) => model.jobs.has(id) && after[index] === undefined);
  expectSame("the deleted jobs", gone, doomed.slice(0, limit));
  for (const id of gone) model.remove(id);
  const stripped = ids.filter((_, index) => {
    const job = after[index];
    return job !== undefined && !hasData(job) && hasData(model.jobs.get(job.row.id) ?? {});
  });
  expectEqual("the number of stripped jobs", stripped.length, outcome.stripped);
  expectEqual(
    "stripped jobs that should have been left alone",
    stripped.filter((id) => !strippable.includes(id)),
    [],
  );
  for (const id of stripped) model.strip(id);
  const left = doomed.length - outcome.deleted + model.strippable(policy, now).length;
  expectThat(
    "whether there is more",
    outcome.hasMore || left === 0,
    outcome.hasMore,
    `true, as ${left} are left`,
  );
  await compareJobs(compared);
}

function randomFilter(random: Random, now: number): StoredJobFilter {
  const filter: StoredJobFilter = {
    status: random.pick([
      ["queued", "processing"],
      ["completed"],
      ["failed", "cancelled", "lost"],
      ["retrying", "scheduled"],
    ]),
    type: random.pick([["email"], ["report", "other"]]),
    queue: random.pick([["emails"], ["invoices", "others"]]),
    priority: random.pick([["high"], ["normal", "low"]]),
    tenant: "acme",
    tag: random.pick(["x", "y"]),
    workerId: random.pick(["w1", "w2"]),
    error: random.pick(["f1", "no_route", "crash_loop"]),
    createdFrom: now - random.below(4 * HOUR),
    createdBefore: now - random.below(4 * HOUR),
    isStalled: true,
  };
  const names = random.some(Object.keys(filter) as (keyof StoredJobFilter)[], random.pick([0, 1, 1, 2]));
  return Object.fromEntries(names.map((name) => [name, filter[name]]));
}

/** Whether a job meets a filter. Written apart from the stores' own, so that a fault of that one is seen. */
function isMet(row: JobRow, filter: StoredJobFilter, now: number): boolean {
  const among = (values: readonly string[] | undefined, value: string): boolean =>
    values === undefined || values.includes(value);
  const isLapsed = row.status === "processing" && (row.hold?.until ?? 0) <= now;
  const checks = [
    among(filter.status, row.status),
    among(filter.type, row.type),
    among(filter.queue, row.queue),
    among(filter.priority, row.priority),
    filter.tenant === undefined || filter.tenant === row.tenant,
    filter.tag === undefined || row.tags.includes(filter.tag),
    filter.workerId === undefined || filter.workerId === row.workerId,
    filter.error === undefined || [row.error?.code, row.error?.fingerprint].includes(filter.error),
    filter.createdFrom === undefined || row.createdAt >= filter.createdFrom,
    filter.createdBefore === undefined || row.createdAt < filter.createdBefore,
    filter.isStalled !== true || isLapsed,
  ];
  return !checks.includes(false);
}

function compareRows(one: JobRow, other: JobRow): number {
  return one.createdAt - other.createdAt || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0);
}
