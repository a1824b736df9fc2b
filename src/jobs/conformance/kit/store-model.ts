import { taken } from "../../store/birth-rules.ts";
import type { JobAnswer, JobChange } from "../../store/change.ts";
import type { JobData, JobRow, StoredJob } from "../../store/job-row.ts";
import type { PrunePolicy } from "../../store/job-store.ts";
import { MIN_KEPT_MS } from "../../store/job-store.ts";
import { changedData, withSaved } from "../../store/saved-data.ts";
import { transition } from "../../store/transition.ts";

/** The jobs that a policy does not keep, as far as it is determined. */
export interface Prunable {
  readonly must: ReadonlySet<string>;
  readonly may: ReadonlySet<string>;
  /** Number of all of them: at least, and at most. */
  readonly least: number;
  readonly most: number;
}

const MINUTE_MS = 60_000;
const FINAL: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "lost"]);

/** The simplest store: `transition` on a map, and reads that look at every job. Other stores are compared with it. */
export class StoreModel {
  readonly jobs: Map<string, StoredJob> = new Map();
  /** The number of each job's last change that a reader sees. */
  readonly #changes = new Map<string, number>();
  readonly #minutes = new Map<string, { count: number; durationMs: number }>();
  #seq = 0;

  /** The number of changes until now: a cursor. */
  get seq(): number {
    return this.#seq;
  }

  row(id: string): JobRow | undefined {
    return this.jobs.get(id)?.row;
  }

  rows(): JobRow[] {
    return [...this.jobs.values()].map(({ row }) => row);
  }

  apply(change: JobChange, now: number): JobAnswer {
    const { id } = change;
    const { row: before, ...dataBefore } = this.jobs.get(id) ?? { row: undefined };
    const { row, answer, data, needsSaved } = transition(before, change, now);
    const after: JobData = data === undefined ? dataBefore : changedData(dataBefore, data);
    if (row !== undefined) {
      this.jobs.set(id, { row, ...after });
      if (row.version !== before?.version) this.#note(before, row, now);
    }
    return needsSaved === true && answer.do === "run" ? withSaved(answer, after) : answer;
  }

  /** The ids of the jobs that have changed since, in the order of their last changes. */
  changedSince(seq: number): string[] {
    const changed = [...this.#changes].filter(([id, at]) => at > seq && this.jobs.has(id));
    return changed.toSorted(([, one], [, other]) => one - other).map(([id]) => id);
  }

  /** The jobs whose message is to be sent: when each is due or may be taken over, the first at the front. */
  dispatches(queues: readonly string[] | undefined): { readonly id: string; readonly at: number }[] {
    const pending = this.rows().flatMap(({ id, queue, dispatch }) =>
      dispatch === undefined || queues?.includes(queue) === false
        ? []
        : [{ id, at: Math.max(dispatch.dueAt, dispatch.takenUntil) }],
    );
    return pending.toSorted((one, other) => one.at - other.at);
  }

  /** The jobs that a process may take now, in that order. */
  due(
    queues: readonly string[] | undefined,
    except: readonly string[],
    now: number,
  ): { readonly id: string; readonly at: number }[] {
    return this.dispatches(queues).filter(({ id }) => {
      const row = this.row(id);
      return row !== undefined && !except.includes(row.queue) && taken(row, now, 0) !== undefined;
    });
  }

  /** Takes the dispatch of a job that the store has taken. */
  take(id: string, now: number, takenMs: number): JobRow | undefined {
    const job = this.jobs.get(id);
    const row = job === undefined ? undefined : taken(job.row, now, takenMs);
    if (job !== undefined && row !== undefined) this.jobs.set(id, { ...job, row });
    return row;
  }

  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { queue, type, status } of this.rows()) {
      const key = [queue, type, status].join("/");
      if (!FINAL.has(status)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** The ends by minute, queue, type and status: their number, and the sum of their durations. */
  minutes(since: number): Map<string, { count: number; durationMs: number }> {
    return new Map([...this.#minutes].filter(([key]) => Number(key.split("/")[0]) + MINUTE_MS > since));
  }

  /**
   * The finished jobs that a policy does not keep. Among jobs that ended at the same time, a store chooses which one is too
   * many.
   */
  prunable(policy: PrunePolicy, now: number): Prunable {
    const finished = this.rows().filter(({ status }) => FINAL.has(status));
    const ageOf = ({ finishedAt = now }: JobRow): number => now - finishedAt;
    const isOld = (row: JobRow): boolean => ageOf(row) > Math.max(MIN_KEPT_MS, keptMs(row, policy));
    const ages = finished.map(ageOf).toSorted((one, other) => other - one);
    const beyond = finished.length - policy.maxFinished;
    const edgeMs = beyond > 0 ? (ages[beyond - 1] as number) : Infinity;
    if (edgeMs <= MIN_KEPT_MS) {
      const must = finished.filter((row) => isOld(row) || ageOf(row) > MIN_KEPT_MS).map(({ id }) => id);
      return { must: new Set(must), may: new Set(must), least: must.length, most: must.length };
    }
    const must = finished.filter((row) => isOld(row) || ageOf(row) > edgeMs);
    const edge = finished.filter((row) => ageOf(row) === edgeMs);
    const chosen = beyond - finished.filter((row) => ageOf(row) > edgeMs).length;
    const old = edge.filter(isOld).length;
    const others = must.length - old;
    return {
      must: new Set(must.map(({ id }) => id)),
      may: new Set([...must, ...edge].map(({ id }) => id)),
      least: others + Math.max(old, edge.length === 0 ? 0 : chosen),
      most: others + Math.min(edge.length, edge.length === 0 ? 0 : old + chosen),
    };
  }

  /** The completed jobs whose data a policy does not keep. */
  strippable({ dataMs }: PrunePolicy, now: number): string[] {
    return this.rows().flatMap((row) => {
      const isOld = row.status === "completed" && now - (row.finishedAt ?? now) > dataMs;
      return isOld && hasData(this.jobs.get(row.id) ?? {}) ? [row.id] : [];
    });
  }

  remove(id: string): void {
    this.jobs.delete(id);
    this.#changes.delete(id);
  }

  strip(id: string): void {
    const job = this.jobs.get(id);
    if (job !== undefined) this.jobs.set(id, { row: { ...job.row, hasMessage: false, hasSaved: false } });
  }

  #note(before: JobRow | undefined, row: JobRow, now: number): void {
    this.#seq += 1;
    this.#changes.set(row.id, this.#seq);
    const { status, queue, type, durationMs = 0 } = row;
    const isKnown =
      before?.status === status && before.generation === row.generation && before.runs === row.runs;
    if (isKnown || (!FINAL.has(status) && status !== "retrying")) return;
    const key = [now - (now % MINUTE_MS), queue, type, status].join("/");
    const known = this.#minutes.get(key) ?? { count: 0, durationMs: 0 };
    this.#minutes.set(key, { count: known.count + 1, durationMs: known.durationMs + durationMs });
  }
}

/** Whether a job has any data. */
export function hasData({ message, result, saved, steps, logs }: JobData): boolean {
  return [message, result, saved, steps, logs].some((part) => part !== undefined);
}

function keptMs({ status }: JobRow, { completedMs, failedMs, cancelledMs }: PrunePolicy): number {
  if (status === "completed") return completedMs;
  return status === "cancelled" ? cancelledMs : failedMs;
}
