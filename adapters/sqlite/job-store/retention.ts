import {
  isFinal,
  keptMs,
  MIN_KEPT_MS,
  type PruneOutcome,
  type PrunePolicy,
} from "../../../src/jobs/store/index.ts";
import { byEnd, endOf, type Finished, isPrunable } from "../../sql/job-store/retention-rules.ts";
import type { JobTable, Stored } from "./job-table.ts";
import type { Progress } from "./paces.ts";
import { SHELF, SHELVES } from "../../sql/job-store/row-codec.ts";
import type { Statements } from "./statements.ts";

/** Jobs that are deleted between two looks at the time. */
const STEP = 20;

/** The finished jobs that a policy does not keep. */
export class Retention {
  readonly #statements: Statements;
  readonly #jobs: JobTable;

  constructor(statements: Statements, jobs: JobTable) {
    this.#statements = statements;
    this.#jobs = jobs;
  }

  /** The jobs that are to be deleted, the one that ended first at the front. */
  prunable(ns: number, policy: PrunePolicy, limit: number, now: number): Stored[] {
    const doomed = SHELVES.flatMap(({ shelf, status }) =>
      this.#endedBefore(ns, shelf, now - keptMs(status, policy), limit),
    );
    const beyond = this.#beyond(ns, policy);
    if (beyond > 0) {
      const oldest = SHELVES.flatMap(({ shelf }) =>
        this.#endedBefore(ns, shelf, now - MIN_KEPT_MS, Math.min(limit, beyond)),
      ).toSorted(byEnd);
      doomed.push(...oldest.slice(0, beyond));
    }
    const numbers = new Set(doomed.toSorted(byEnd).map(({ job }) => job));
    return [...numbers].slice(0, limit).flatMap((job) => this.#jobs.byNumber(job) ?? []);
  }

  /**
   * Begins a deletion, which goes on in steps. Each step is called within a transaction.
   * @param ids the jobs that may be deleted; undefined for all
   */
  prune(
    ns: number,
    policy: PrunePolicy,
    limit: number,
    ids: readonly string[] | undefined,
    now: number,
  ): (pauseAt: number) => Progress<PruneOutcome> {
    let [deleted, stripped] = [0, 0];
    let isMore = false;
    let areDeleted = false;
    let rest = ids;
    let last: { readonly beyond: Finished | undefined } | undefined;
    const doomed = (most: number): readonly Stored[] => {
      if (rest === undefined) return this.prunable(ns, policy, most, now);
      // Once for all steps, since many jobs may have to be passed for it. Later ends only make more jobs prunable.
      last ??= { beyond: this.#lastBeyond(ns, policy) };
      const all = this.#prunableOf(policy, ns, rest, last.beyond, now);
      rest = all.map(({ row }) => row.id);
      return all.slice(0, most);
    };
    const remove = (): void => {
      const found = doomed(Math.min(STEP, limit - deleted));
      for (const stored of found) this.#jobs.remove(stored);
      deleted += found.length;
      areDeleted = found.length === 0 || deleted >= limit;
      isMore = deleted >= limit && doomed(1).length > 0;
    };
    const strip = (): boolean => {
      const most = Math.min(STEP, limit - stripped);
      const old = this.#endedBefore(ns, SHELF.withData, now - policy.dataMs, most);
      for (const { job } of old) {
        const stored = this.#jobs.byNumber(job);
        if (stored !== undefined) this.#jobs.strip(stored);
      }
      stripped += old.length;
      return old.length === 0 || stripped >= limit;
    };
    return (pauseAt) => {
      let isComplete = false;
      do {
        if (areDeleted) isComplete = strip();
        else remove();
      } while (!isComplete && performance.now() < pauseAt);
      return { result: { deleted, stripped, hasMore: isMore || stripped >= limit }, isComplete };
    };
  }

  /** The jobs of a list that are to be deleted, the one that ended first at the front. */
  #prunableOf(
    policy: PrunePolicy,
    ns: number,
    ids: readonly string[],
    last: Finished | undefined,
    now: number,
  ): Stored[] {
    return ids
      .flatMap((id) => this.#jobs.find(ns, id) ?? [])
      .filter((stored) => isPrunable(stored, policy, last, now))
      .toSorted((one, other) => byEnd(endOf(one), endOf(other)));
  }

  /** The number of finished jobs beyond those that the policy keeps at most. */
  #beyond(ns: number, { maxFinished }: PrunePolicy): number {
    const finished = this.#jobs.facets
      .list(ns)
      .filter(({ status }) => isFinal(status))
      .reduce((sum, { count }) => sum + count, 0);
    return Math.max(0, finished - maxFinished);
  }

  /** The last of the jobs, in the order of their end, that are beyond the number that the policy keeps. */
  #lastBeyond(ns: number, policy: PrunePolicy): Finished | undefined {
    const beyond = this.#beyond(ns, policy);
    if (beyond === 0) return undefined;
    const arms = SHELVES.map(
      ({ shelf }) => `SELECT finished_at, job FROM queueport_jobs WHERE ns = ?1 AND shelf = ${shelf}`,
    );
    return this.#statements
      .of(`${arms.join(" UNION ALL ")} ORDER BY finished_at, job LIMIT 1 OFFSET ?2`)
      .get(ns, beyond - 1) as Finished | undefined;
  }

  #endedBefore(ns: number, shelf: number, time: number, limit: number): Finished[] {
    return this.#statements
      .of(
        "SELECT job, finished_at FROM queueport_jobs WHERE ns = ? AND shelf = ? AND finished_at < ? ORDER BY finished_at, job LIMIT ?",
      )
      .all(ns, shelf, time, limit) as unknown as Finished[];
  }
}
