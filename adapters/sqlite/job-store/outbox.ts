import { type DueJob, MAX_AHEAD_MS, taken, type TakeOptions } from "../../../src/jobs/store/index.ts";
import type { Facet } from "../../sql/job-store/row-codec.ts";
import type { JobWriter } from "./writer.ts";
import { compareHits, type Hit } from "./scan.ts";
import type { Statements } from "./statements.ts";

interface DueHit extends Hit {
  readonly due_at: number;
}

/** The jobs whose message is to be sent. */
export class Outbox {
  readonly #statements: Statements;
  readonly #writer: JobWriter;

  constructor(statements: Statements, writer: JobWriter) {
    this.#statements = statements;
    this.#writer = writer;
  }

  /** Takes jobs that are due, the one that is due first at the front. Called within a transaction. */
  take(ns: number, { queues, except, limit, takenMs }: TakeOptions, now: number): DueJob[] {
    const { jobs } = this.#writer;
    const find = this.#statements.of(
      "SELECT job, due_at, created_at, id FROM queueport_jobs WHERE facet = ? AND due_at <= ? ORDER BY due_at, created_at, id LIMIT ?",
    );
    // Written by a clock that was set back since. No other queued job has such a time, so the index answers at once.
    const findAhead = this.#statements.of(
      "SELECT job, due_at, created_at, id FROM queueport_jobs WHERE facet = ? AND due_at > ? ORDER BY due_at, created_at, id LIMIT ?",
    );
    const due = this.#facets(ns, queues, except)
      .flatMap(({ facet, status }) => [
        ...find.all(facet, now, limit),
        ...(status === "queued" ? findAhead.all(facet, now + MAX_AHEAD_MS, limit) : []),
      ])
      .map((hit) => hit as unknown as DueHit)
      .toSorted((one, other) => one.due_at - other.due_at || compareHits(one, other));
    const found: DueJob[] = [];
    for (const { job } of due.slice(0, limit)) {
      const stored = jobs.byNumber(job);
      const row = stored && taken(stored.row, now, takenMs);
      const message = stored && jobs.dataOf(stored, ["message"]).message;
      if (stored === undefined || row === undefined || message === undefined) continue;
      this.#writer.write(ns, stored, row, now);
      found.push({ row, message });
    }
    return found;
  }

  nextAt(ns: number, queues: readonly string[] | undefined): number | undefined {
    const find = this.#statements.of(
      "SELECT due_at FROM queueport_jobs WHERE facet = ? AND due_at IS NOT NULL ORDER BY due_at LIMIT 1",
    );
    const times = this.#facets(ns, queues).flatMap(({ facet }) => {
      const at = find.get(facet)?.["due_at"];
      return typeof at === "number" ? [at] : [];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #facets(
    ns: number,
    queues: readonly string[] | undefined,
    except: readonly string[] = [],
  ): readonly Facet[] {
    return this.#writer.jobs.facets
      .list(ns)
      .filter(({ queue }) => queues?.includes(queue) !== false && !except.includes(queue));
  }
}
