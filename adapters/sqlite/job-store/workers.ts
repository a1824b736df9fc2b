import { WORKER_GONE_MS, type WorkerRow } from "../../../src/jobs/store/index.ts";
import type { Statements } from "./statements.ts";

/** Writes the row of a worker, and deletes those of workers that are gone. */
export function beat(statements: Statements, ns: number, worker: WorkerRow, now: number): void {
  statements
    .of(
      "INSERT INTO queueport_workers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, row = excluded.row",
    )
    .run(ns, worker.id, now, JSON.stringify({ ...worker, seenAt: now }));
  statements.of("DELETE FROM queueport_workers WHERE ns = ? AND seen_at < ?").run(ns, now - WORKER_GONE_MS);
}

export function leave(statements: Statements, ns: number, id: string): void {
  statements.of("DELETE FROM queueport_workers WHERE ns = ? AND id = ?").run(ns, id);
}

/** The workers that were seen lately, the one that came first at the front. */
export function liveWorkers(statements: Statements, ns: number, now: number): WorkerRow[] {
  return statements
    .of("SELECT rowid AS place, row FROM queueport_workers WHERE ns = ? AND seen_at >= ?")
    .all(ns, now - WORKER_GONE_MS)
    .toSorted((one, other) => Number(one["place"]) - Number(other["place"]))
    .map(({ row }) => JSON.parse(String(row)) as WorkerRow);
}
