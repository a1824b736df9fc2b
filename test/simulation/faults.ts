import type { FaultKind, PlannedFault, Step } from "./plan.ts";

/** A point of a process at which a fault can happen: the beginning or the end of a request, or of a handler. */
export interface FaultPoint {
  readonly step: Step;
  readonly side: "before" | "after";
  /** Whether the process drains. */
  readonly draining: boolean;
  /** Number of messages in the request, or in its answer. */
  readonly entries: number;
}

/** The points at which each kind of fault can happen. A crash can happen at every point on its planned side. */
const SUITS: Readonly<Record<FaultKind, (point: FaultPoint) => boolean>> = {
  duplicate: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  reorder: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  expire: ({ step, side, entries }) => step === "receive" && side === "after" && entries > 0,
  mute: ({ step, side }) => step === "settle extend" && side === "before",
  lost: ({ step, side, entries }) => step !== "handler" && side === "after" && entries > 0,
  partial: ({ step, side }) => side === "before" && (step.startsWith("send") || step.startsWith("settle")),
  crash: () => true,
  freeze: ({ side }) => side === "before",
  late: ({ step, side }) => isChange(step) && side === "before",
  reverse: ({ step, side }) => isChange(step) && side === "before",
  locked: ({ step, side }) => isChange(step) && side === "before",
  cut: ({ step, side }) => step.startsWith("store") && side === "before",
  down: ({ step, side }) => step.startsWith("store") && side === "before",
  slow: ({ step, side }) => step.startsWith("store") && side === "before",
};

/** Requests of a store that change no job. */
const READS: ReadonlySet<string> = new Set(["store read", "store take", "store beat"]);

function isChange(step: string): boolean {
  return step.startsWith("store") && !READS.has(step);
}

/** The planned faults of a run. Each one waits for its time and for a point that suits it. */
export class Faults {
  /** Number of faults that have happened, by kind. */
  readonly happened: Map<string, number> = new Map();
  #waiting: PlannedFault[];
  #idle = false;

  constructor(planned: readonly PlannedFault[]) {
    this.#waiting = [...planned];
  }

  get total(): number {
    let total = 0;
    for (const count of this.happened.values()) total += count;
    return total;
  }

  /** Returns the fault that happens at this point. `at` is the time since the beginning, in milliseconds. */
  take(point: FaultPoint, at: number): PlannedFault | undefined {
    const index = this.#waiting.findIndex((fault) => fault.after <= at && this.#suits(fault, point));
    if (index < 0) return undefined;
    const [planned] = this.#waiting.splice(index, 1);
    if (planned === undefined) return undefined;
    const fault: PlannedFault = this.#idle ? { ...planned, kind: "lost" } : planned;
    this.count(fault.kind);
    return fault;
  }

  count(kind: string): void {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
  }

  /** Called when all messages are done. Faults that still wait then happen to the empty polls that go on. */
  idle(): void {
    this.#idle = true;
  }

  /** Removes all faults that wait. */
  disarm(): void {
    this.#waiting = [];
  }

  #suits(fault: PlannedFault, point: FaultPoint): boolean {
    if (this.#idle) return point.step.startsWith("receive") && point.side === "after";
    if (fault.on !== undefined && !point.step.startsWith(fault.on)) return false;
    if (fault.kind === "crash" && (fault.side !== point.side || (fault.draining && !point.draining)))
      return false;
    return SUITS[fault.kind](point);
  }
}
