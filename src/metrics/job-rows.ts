import type { JobInfo } from "../diagnostics.ts";
import type { Families } from "./families.ts";
import type { Cell } from "./family.ts";
import type { Distribution } from "./histogram.ts";
import { Running } from "./active-runs.ts";

/** The series that the handled jobs of one type in one queue are counted in. */
export interface TypeRows {
  readonly completed: Cell;
  readonly failed: Cell;
  readonly duration: Distribution;
  readonly retried: Cell;
}

/**
 * The series of a type that has been handled for the first time. What may go wrong with it starts at 0 now:
 * Prometheus sees no increase in a counter that appears with its first event already in it.
 */
export function typeRows(families: Families, queue: string, type: string): TypeRows {
  families.deadLettered.cell({ type, queue, reason: "max_attempts" });
  families.deadLettered.cell({ type, queue, reason: "permanent_error" });
  return {
    completed: families.processed.cell({ type, status: "completed" }),
    failed: families.processed.cell({ type, status: "failed" }),
    duration: families.duration.distribution({ type }),
    retried: families.retried.cell({ type, queue }),
  };
}

/** What is kept for one queue. */
export class QueueRows {
  readonly name: string;
  /** By type label. */
  readonly types: Map<string, TypeRows> = new Map();
  readonly wait: Distribution;
  readonly #active: Cell;
  readonly #running = new Runner();

  constructor(families: Families, name: string) {
    this.name = name;
    this.wait = families.wait.distribution({ queue: name });
    this.#active = families.active.cell({ queue: name });
  }

  begin(job: JobInfo): void {
    this.#running.begin(job);
    this.#active.value = this.#running.size;
  }

  /** Whether this run had begun, and had no verdict before. */
  end(job: JobInfo): boolean {
    const ended = this.#running.end(job);
    this.#active.value = this.#running.size;
    return ended;
  }
}
