import type { JobInfo } from "../diagnostics.ts";
import type { Families } from "./families.ts";
import type { Cell } from "./family.ts";
import type { Distribution } from "./histogram.ts";
import { ActiveRuns } from "./active-runs.ts";

/** The series that count the handled jobs of one type in one queue. */
export interface TypeRows {
  readonly completed: Cell;
  readonly failed: Cell;
  readonly duration: Distribution;
  readonly retried: Cell;
}

/**
 * Creates the series of a type that was handled for the first time. The counters of its failures start at 0 now, because
 * Prometheus sees no increase in a counter whose first sample already includes the event.
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

/** The series of one queue. */
export class QueueRows {
  readonly name: string;
  /** The series of each type, by its label. */
  readonly types: Map<string, TypeRows> = new Map();
  readonly wait: Distribution;
  readonly #active: Cell;
  readonly #runs = new ActiveRuns();

  constructor(families: Families, name: string) {
    this.name = name;
    this.wait = families.wait.distribution({ queue: name });
    this.#active = families.active.cell({ queue: name });
  }

  begin(job: JobInfo): void {
    this.#runs.begin(job);
    this.#active.value = this.#runs.size;
  }

  /** Returns true if this run had begun and had not ended before. */
  end(job: JobInfo): boolean {
    const ended = this.#runs.end(job);
    this.#active.value = this.#runs.size;
    return ended;
  }
}
